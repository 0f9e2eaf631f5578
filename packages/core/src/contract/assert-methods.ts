import { ConfigError, readField } from '../errors/errors.ts'

/**
 * Reads an option that has methods when whatever takes it is made, so that one that lacks some does not fail in the middle
 * of a call: a store, a set of ports, a service. Does no I/O, and survives getters that throw.
 *
 * @param option How the option is called.
 * @param optional Methods that may be missing, but are functions where they are there.
 * @throws ConfigError `OPTION_INVALID` naming the option and the methods that are missing.
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
  const given = value === undefined || value === null || (typeof value !== 'object' && typeof value !== 'function')
  throw new ConfigError(
    given
      ? `[msc/${concern}] \`${option}\` is ${value === null ? 'null' : `of type ${typeof value}`}.`
      : `[msc/${concern}] \`${option}\` does not implement ${lacks.join(', ')}.`,
    { code: 'OPTION_INVALID', hint: `Pass an object with the methods ${methods.join(', ')}.` },
  )
}
