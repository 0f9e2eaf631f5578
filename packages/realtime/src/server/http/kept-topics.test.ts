import { expect, it } from 'vitest'
import { deferred } from '../../base/promises.ts'
import { createTurns } from './kept-topics.ts'

it('streams read eight at a time, each in its turn, and one that fails holds up no other', async () => {
  const inTurn = createTurns()
  const gates = Array.from({ length: 20 }, () => deferred<number>())
  let reading = 0
  let most = 0
  const all = gates.map(({ promise }) =>
    inTurn(async () => {
      reading += 1
      most = Math.max(most, reading)
      return promise.finally(() => (reading -= 1))
    }),
  )
  const settled = Promise.allSettled(all)
  await Promise.resolve()
  expect(reading).toBe(8)
  for (const [n, gate] of gates.entries()) {
    if (n % 3 === 0) gate.reject(new Error(`${n} is late`))
    else gate.resolve(n)
  }
  expect((await settled).map(({ status }) => status)).toEqual(
    gates.map((_gate, n) => (n % 3 === 0 ? 'rejected' : 'fulfilled')),
  )
  expect([most, reading]).toEqual([8, 0])
  expect(await inTurn(async () => 'again')).toBe('again')
})
