import { ConfigError } from '../../errors/errors.ts'
import { optionInvalid } from './option-invalid.ts'

/**
 * Refuses an option that must be text and is none, such as `process.env.X` of an unset variable or a promise that was not
 * awaited, whose text form would be taken in its place.
 *
 * @throws ConfigError `OPTION_INVALID`, which names the option and not its value.
 */
export function assertText(concern: string, option: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value.trim() !== '') return
  const hint = 'Pass a text that is not empty.'
  if (typeof value !== 'string') throw optionInvalid(concern, option, value, hint)
  throw new ConfigError(`[msc/${concern}] \`${option}\` is empty.`, { code: 'OPTION_INVALID', hint })
}
