import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createGuard } from './guarded-driver.ts'
import { memoryStore } from './testing/index.ts'

const setUp = () => {
  const clock = createManualClock()
  const guard = createGuard(memoryStore({ clock }).connect(), { timeoutMs: 100, clock })
  let asked = 0
  const silence = (): Promise<never> => {
    asked += 1
    return new Promise(() => undefined)
  }
  const waitInVain = async (): Promise<void> => {
    const failed = expect(guard.call('get', silence)).rejects.toThrow()
    await clock.advance(150)
    await failed
  }
  const giveUp = async (): Promise<void> => {
    const abort = new AbortController()
    const failed = expect(guard.call('get', silence, abort.signal)).rejects.toThrow()
    abort.abort(new Error('gave up'))
    await failed
  }
  return { clock, guard, waitInVain, giveUp, asked: () => asked }
}

it('opens the breaker on a silent store, however many callers give up before the deadline', async () => {
  const { guard, waitInVain, giveUp, asked } = setUp()
  for (let i = 0; i < 20; i++) {
    await giveUp()
    await waitInVain()
  }
  expect(guard.breaker.state).toBe('open')
  expect(asked()).toBe(10)
})

it('lets the deadline judge a probe whose caller has given up', async () => {
  const { clock, guard, waitInVain, giveUp } = setUp()
  for (let i = 0; i < 5; i++) await waitInVain()
  await clock.advance(5000)
  expect(guard.breaker.state).toBe('half-open')
  await giveUp()
  expect(guard.breaker.state).toBe('half-open')
  await clock.advance(150)
  expect(guard.breaker.state).toBe('open')
  // It is probed again, and closes with an answer.
  await clock.advance(5000)
  expect(await guard.call('get', async () => 'an answer')).toBe('an answer')
  expect(guard.breaker.state).toBe('closed')
})
