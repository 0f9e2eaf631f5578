import { assertMethods } from './assert-methods.ts'

/**
 * Checks the parts of its surroundings that a service is made with, each of which may be left out: `clock`, `random` and `onError`.
 * A clock that is none would show at the first timer, and an `onError` that is none at the first failure.
 *
 * @throws ConfigError `OPTION_INVALID`.
 */
export function assertPorts(concern: string, options: object): void {
  assertMethods(concern, 'options', options, [], ['onError', 'random'])
  const { clock } = options as { readonly clock?: unknown }
  if (clock !== undefined) assertMethods(concern, 'clock', clock, ['now', 'monotonic', 'setTimeout'])
}
