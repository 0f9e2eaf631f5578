import { ConfigError } from '../errors/errors.ts'

/**
 * Refuses an option that must be text and is none, such as `process.env.X` of an unset variable or a promise that was not
 * awaited, whose text form would be taken in its place.
 *
 * @throws ConfigError `OPTION_INVALID`, which names the option and not its value.
 */
export function assertText(concern: string, option: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value.trim() !== '') return
  throw new ConfigError(
    `[msc/${concern}] \`${option}\` is ${typeof value === 'string' ? 'empty' : `of type ${typeof value}`}.`,
    {
      code: 'OPTION_INVALID',
      hint: 'Pass a text that is not empty.',
    },
  )
}
