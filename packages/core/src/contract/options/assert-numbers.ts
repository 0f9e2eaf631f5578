import { assertOptions } from './assert-options.ts'
import { optionInvalid } from './option-invalid.ts'

/** What a number must be. */
export interface NumberRule {
  readonly least: number
  /** Default 1e15, which every timer, date and database can take. `Infinity` where that has a meaning. */
  readonly most?: number
  /** Whether it may have a fraction. Default: only a time in milliseconds, whose name ends in `Ms`. */
  readonly fraction?: boolean
  /** Whether there is no default. */
  readonly required?: boolean
}

const MOST = 1e15

/**
 * Refuses options that should be numbers and are not, before they are used: `Number(process.env.X)` of an unset variable
 * is `NaN`, and every comparison with `NaN` is false. Also refuses `options` that are no object.
 *
 * @param rules Of each option to check, the rule, or only the smallest allowed value. An option that is `undefined` passes, unless
 *   it is required.
 * @param inside The option that `options` is the value of, for example `limit`.
 * @throws ConfigError `OPTION_INVALID`, which names the option, its value and the allowed values.
 */
export function assertNumbers(
  concern: string,
  options: unknown,
  rules: Readonly<Record<string, number | NumberRule>>,
  inside?: string,
): void {
  assertOptions(concern, options, inside)
  for (const [name, rule] of Object.entries(rules)) {
    const given: NumberRule = typeof rule === 'number' ? { least: rule } : rule
    const { least, most = MOST, fraction = name.endsWith('Ms'), required } = given
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value === undefined && !required) continue
    const number = typeof value === 'number' ? value : Number.NaN
    if (number >= least && number <= most && (fraction || number === Infinity || Number.isInteger(number))) continue
    const range = given.most === undefined && !(number > MOST) ? `of at least ${least}` : `from ${least} to ${most}`
    const hint = `Pass a ${fraction ? '' : 'whole '}number ${range}${required ? '' : ', or leave it out'}.`
    throw optionInvalid(concern, inside === undefined ? name : `${inside}.${name}`, value, hint)
  }
}
