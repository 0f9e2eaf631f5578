import { ConfigError, readField } from '../../errors/errors.ts'
import { optionInvalid } from './option-invalid.ts'

/**
 * Checks an option that must have methods (a store, a set of ports, a service) at construction, so that a missing method
 * does not surface in the middle of a call. Does no I/O and tolerates getters that throw.
 *
 * @param option The option's name.
 * @param optional Methods that may be missing, but must be functions when they are present.
 * @throws ConfigError `OPTION_INVALID`, which names the option and the missing methods.
 */
export function assertMethods(
  concern: string,
  option: string,
  value: unknown,
  methods: readonly string[],
  optional: readonly string[] = [],
): void {
  const lacks = [...methods, ...optional.filter((method) => readField(value, method) !== undefined)].filter(
    (method) => typeof readField(value, method) !== 'function',
  )
  if (lacks.length === 0) return
  const hint = `Pass an object with the methods ${[...new Set([...methods, ...lacks])].join(', ')}.`
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
    throw optionInvalid(concern, option, value, hint)
  }
  throw new ConfigError(`[msc/${concern}] \`${option}\` does not implement ${lacks.join(', ')}.`, {
    code: 'OPTION_INVALID',
    hint,
  })
}
