import { ConfigError } from '../errors/errors.ts'

/**
 * Refuses options that should be numbers and are not, before they are used: `Number(process.env.X)` of an unset variable
 * is `NaN`, and every comparison with `NaN` is false.
 *
 * @param least The smallest allowed value of each option to check. An option that is `undefined` passes.
 * @throws ConfigError `OPTION_INVALID`, which names the option, its value and the allowed values.
 */
export function assertNumbers(concern: string, options: object, least: Readonly<Record<string, number>>): void {
  for (const [name, minimum] of Object.entries(least)) {
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value === undefined || (typeof value === 'number' && value >= minimum)) continue
    const shown = typeof value === 'number' ? String(value) : `of type ${typeof value}`
    throw new ConfigError(`[msc/${concern}] \`${name}\` is ${shown}.`, {
      code: 'OPTION_INVALID',
      hint: `Pass a number of at least ${minimum}, or leave it out.`,
    })
  }
}
