import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { tellOfLongOutages } from './long-outages.ts'

it('tells of an outage that lasts five seconds, once, and of the next one again', async () => {
  const clock = createManualClock()
  const told: string[] = []
  const fail = tellOfLongOutages(clock, ({ message }) => told.push(message))
  const failFor = async (ms: number, message: string): Promise<void> => {
    for (let passed = 0; passed <= ms; passed += 500) {
      fail(new Error(message))
      await clock.advance(500)
    }
  }
  await failFor(4000, 'a failover')
  await clock.advance(60_000)
  expect(told).toEqual([])
  await failFor(20_000, 'first')
  expect(told).toEqual(['first'])
  await clock.advance(60_000)
  await failFor(20_000, 'second')
  expect(told).toEqual(['first', 'second'])
})
