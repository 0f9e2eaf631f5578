import { ConfigError } from '../errors/errors.ts'

/**
 * Refuses options that should be numbers and are none, before they decide anything: `Number(process.env.X)` of a
 * variable that is not set is `NaN`, and no comparison with that is ever true.
 *
 * @param least The smallest value of each option that is read; one that is `undefined` is left alone.
 * @throws ConfigError `OPTION_INVALID` naming the option, what it is and what it may be.
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
