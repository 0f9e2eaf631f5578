import { ConfigError } from '../../errors/errors.ts'
import { duration, type Duration } from '../../time/duration.ts'

/**
 * Converts an option that is a {@link Duration} to milliseconds.
 *
 * @param leastMs The shortest and `mostMs` the longest allowed time, in milliseconds.
 * @throws ConfigError `OPTION_INVALID`, which names the option.
 */
export function durationOption(
  concern: string,
  option: string,
  value: unknown,
  { leastMs = 0, mostMs = 1e15 }: { readonly leastMs?: number; readonly mostMs?: number } = {},
): number {
  const hint = `Pass from ${leastMs} to ${mostMs} milliseconds, as a number of seconds or a text such as '12h'.`
  let ms: number
  try {
    ms = duration(value as Duration)
  } catch (cause) {
    throw new ConfigError(`[msc/${concern}] \`${option}\` is no duration.`, { code: 'OPTION_INVALID', hint, cause })
  }
  if (ms >= leastMs && ms <= mostMs) return ms
  throw new ConfigError(`[msc/${concern}] \`${option}\` is ${ms} milliseconds.`, { code: 'OPTION_INVALID', hint })
}
