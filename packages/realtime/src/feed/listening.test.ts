import type { PostgresClient } from '@msc/core/postgres'
import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { hear } from './listening.ts'

it('looks again soon after a look that took long, where nothing is announced', async () => {
  const clock = createManualClock()
  const client = {
    query: () => Promise.resolve({ rows: [] }),
    listen: () => Promise.reject(Object.assign(new Error('Nothing is announced here.'), { code: 'POSTGRES_UNHEARD' })),
  } as unknown as PostgresClient
  let looks = 0
  const listening = await hear({
    client,
    clock,
    onNotice: () => {},
    onListening: () => {},
    report: () => {},
    async poll() {
      looks += 1
      if (looks === 1) await new Promise<void>((resolve) => clock.setTimeout(resolve, 30_000))
    },
  })
  await clock.advance(30_000)
  expect(looks).toBe(1)
  await clock.advance(2000)
  expect(looks).toBe(2)
  await clock.advance(250)
  expect(looks).toBe(3)
  await listening.stop()
})
