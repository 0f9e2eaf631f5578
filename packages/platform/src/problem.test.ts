import { ConfigError, DriverError, MscError, UnavailableError, ValidationError } from '@msc/core'
import { describe, expect, it } from 'vitest'
import { problemFrom } from './problem.ts'

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const foreign = (more: object): Error => Object.assign(new Error('x'), { [Symbol.for('@msc/error')]: true, ...more })

describe('the problem document of an error', () => {
  it.each([
    [
      'invalid input',
      new ValidationError('x', [{ message: 'No title.', path: 'title' }], { code: 'VALIDATION_FAILED' }),
      422,
    ],
    ['input that another copy of core rejected', foreign({ code: 'VALIDATION_FAILED', issues: [] }), 422],
    ['a full queue of passwords', new MscError('x', { code: 'PASSWORDS_BUSY', retryable: true }), 429],
    ['a backend that is away', new UnavailableError('x'), 503],
    ['an error of ours without issues', new MscError('x', { code: 'X' }), 500],
    ['a wrong configuration', new ConfigError('x', { code: 'X_INVALID' }), 500],
    ['a foreign error with issues', Object.assign(new Error('x'), { issues: [] }), 500],
    ['an unreadable error', revoked(), 500],
    ['nothing', undefined, 500],
  ])('has the right status for %s: %#', (_what, error, status) => {
    expect(problemFrom(error, 'trace').status).toBe(status)
    expect(problemFrom(error, 'trace').extensions).toMatchObject({ traceId: 'trace' })
  })

  it.each([
    ['a backend that is away', new UnavailableError('x', { code: 'SESSIONS_UNAVAILABLE' }), 5000],
    [
      'a backend that says when it is back',
      new DriverError('x', 'busy', { retryable: true, retryAfterMs: 20_000 }),
      20_000,
    ],
    ['a time that is none', new DriverError('x', 'busy', { retryable: true, retryAfterMs: Number.NaN }), 5000],
    ['a full queue of passwords', foreign({ code: 'PASSWORDS_BUSY', retryable: true, retryAfterMs: 3000 }), 3000],
    ['a full queue of another version', foreign({ code: 'PASSWORDS_BUSY', retryable: true }), 5000],
    ['a failure that lasts', new ConfigError('x', { code: 'X_INVALID' }), undefined],
  ])('says when to try again after %s', (_what, error, retryAfterMs) => {
    expect(problemFrom(error).retryAfterMs).toBe(retryAfterMs)
  })
})
