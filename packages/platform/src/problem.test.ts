import { ConfigError, MscError, UnavailableError, ValidationError } from '@msc/core'
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
})
