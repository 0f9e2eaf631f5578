import {
  ConfigError,
  assertChoice,
  assertMethods,
  assertNumbers,
  assertText,
  optionInvalid,
  readField,
  reportFailure,
  type NumberRule,
} from '@msc/core'
import type { RouteUser } from './route.ts'

/** What the limiter of `@msc/cache` takes: it would refuse every request otherwise. */
const LIMIT: Readonly<Record<string, NumberRule>> = {
  calls: { least: 0, required: true },
  windowSeconds: { least: 1, most: 1e10, required: true },
}

/**
 * Refuses a route that would not be what its options say, when it is made: a mistyped `auth` must not open it, and a missing
 * handler must not wait for the first request.
 *
 * @param isRecognised Whether there is something that recognises a repeated request.
 * @throws ConfigError `OPTION_INVALID`.
 */
export function assertRoute(options: object, isRecognised: boolean): void {
  assertNumbers('platform', options, { maxBytes: 0 })
  const { route, auth, role, body, limit, idempotency } = options as Readonly<Record<string, unknown>>
  assertText('platform', 'route', route)
  assertChoice('platform', 'auth', auth, [undefined, 'required', 'optional', 'none'])
  assertChoice('platform', 'idempotency', idempotency, [undefined, 'required', 'optional', 'none'])
  assertMethods('platform', 'options', options, ['handler'], ['form'])
  if (role !== undefined) assertText('platform', 'role', role)
  if (body !== undefined && typeof readField(readField(body, '~standard'), 'validate') !== 'function') {
    throw optionInvalid('platform', 'body', body, 'Pass a Standard Schema, as zod, valibot and arktype make them.')
  }
  if (limit !== undefined && limit !== false) assertNumbers('platform', limit, LIMIT, 'limit')
  if (idempotency === 'required' && !isRecognised) {
    throw new ConfigError('[msc/platform] `idempotency` is `required`, and nothing recognises a repeated request.', {
      code: 'OPTION_INVALID',
      hint: 'Pass `idempotency: createIdempotency(…)` to `createRoutes`.',
    })
  }
}

/** Returns the user whom `authenticate` has named, or `undefined` for nobody. */
export type UserFrom<User> = (answered: unknown) => User | undefined

/**
 * Makes the check of what `authenticate` returns. Whatever has no id is nobody: all of them would share one account, and one
 * limit. Reports the first of them, as a mistake in the code comes again with each request.
 */
export function createUserFrom<User extends RouteUser>(): UserFrom<User> {
  let isReported = false
  return (answered) => {
    if (answered === undefined || answered === null) return undefined
    const id = typeof answered === 'object' ? readField(answered, 'id') : undefined
    if (typeof id === 'string' && id.trim() !== '') return answered as User
    if (!isReported) {
      isReported = true
      const hint =
        'Return undefined when nobody is signed in, and otherwise an object whose `id` is a text that is not empty.'
      const error = new ConfigError('[msc/platform] `authenticate` returned what is no user: it has no `id` of text.', {
        code: 'OPTION_INVALID',
        hint,
      })
      reportFailure(error, { concern: 'platform', operation: 'authenticate' })
    }
    return undefined
  }
}
