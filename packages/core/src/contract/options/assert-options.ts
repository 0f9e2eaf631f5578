import { ConfigError } from '../../errors/errors.ts'
import { isRecord } from '../is-record.ts'
import { optionInvalid } from './option-invalid.ts'

/**
 * Refuses what should be an object of options and is none, before anything is read from it.
 *
 * @param option How the object is called in the error. Default `options`.
 * @throws ConfigError `OPTION_INVALID`.
 */
export function assertOptions(concern: string, options: unknown, option = 'options'): asserts options is object {
  if (!isRecord(options)) throw optionInvalid(concern, option, options, 'Pass an object of options.')
}

/**
 * Refuses an option that should be a list and is none, such as a single text, whose letters would be taken one by one.
 *
 * @throws ConfigError `OPTION_INVALID`, which names the option and not its value.
 */
export function assertList(concern: string, option: string, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw optionInvalid(concern, option, value, 'Pass a list.')
}

/** Longer text may be a secret in the wrong place. */
const MOST_SHOWN = 20

/**
 * Refuses a value that is none of `choices`: where code asks for one of them, every other value would be taken for the rest.
 *
 * @param choices With `undefined` for an option that may be left out.
 * @throws ConfigError `OPTION_INVALID`, which names the option and the choices.
 */
export function assertChoice(concern: string, option: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return
  const named = choices.filter((choice) => choice !== undefined).map((choice) => JSON.stringify(choice))
  const hint = `Pass ${named.join(' or ')}${named.length < choices.length ? ', or leave it out' : ''}.`
  if (typeof value !== 'string' || value.length > MOST_SHOWN) throw optionInvalid(concern, option, value, hint)
  throw new ConfigError(`[msc/${concern}] \`${option}\` is ${JSON.stringify(value)}.`, { code: 'OPTION_INVALID', hint })
}
