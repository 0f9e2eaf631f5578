import { ConfigError } from '../../errors/errors.ts'

/**
 * Makes the error for an option that can not be used. It says what the option is, but not of text, which may be a secret.
 *
 * @param hint What to pass instead.
 */
export function optionInvalid(concern: string, option: string, value: unknown, hint: string): ConfigError {
  const isShown = value === null || typeof value === 'number' || typeof value === 'boolean'
  const what = isShown ? String(value) : value === undefined ? 'missing' : `of type ${typeof value}`
  return new ConfigError(`[msc/${concern}] \`${option}\` is ${what}.`, { code: 'OPTION_INVALID', hint })
}
