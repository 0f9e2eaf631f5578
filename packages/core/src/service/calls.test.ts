import { expect, it } from 'vitest'
import { createCalls } from './calls.ts'
import { DriverError } from '../errors/errors.ts'
import { createManualClock } from '../testing/manual-clock.ts'

const away = (): Promise<never> => Promise.reject(new DriverError('x', 'gone', { retryable: true }))

it('stops calling a backend that keeps failing, and probes it after the cool-down', async () => {
  const clock = createManualClock()
  const { call, breaker } = createCalls({ concern: 'jobs', driver: 'x', clock })
  for (let n = 0; n < 5; n++) await expect(call('send', 100, away)).rejects.toThrow('gone')
  let called = 0
  const work = async (): Promise<number> => ++called
  await expect(call('send', 100, work)).rejects.toMatchObject({ code: 'BREAKER_OPEN', retryable: true })
  expect(called).toBe(0)
  await clock.advance(5000)
  expect(await call('send', 100, work)).toBe(1)
  expect(breaker.state).toBe('closed')
})

it('counts a timeout as a failure, and a refusal or a conflict as an answer', async () => {
  const clock = createManualClock()
  const { call, breaker } = createCalls({ concern: 'jobs', driver: 'x', clock, threshold: 1 })
  for (const options of [{ retryable: false }, { retryable: true, code: 'CONTENDED' }]) {
    await expect(call('send', 100, () => Promise.reject(new DriverError('x', 'no', options)))).rejects.toThrow('no')
    expect(breaker.state).toBe('closed')
  }
  const silent = call('send', 100, () => new Promise<never>(() => {})).catch((error: unknown) => error)
  await clock.advance(100)
  expect(await silent).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: expect.stringContaining('[msc/jobs] [x] send'),
  })
  expect(breaker.state).toBe('open')
})
