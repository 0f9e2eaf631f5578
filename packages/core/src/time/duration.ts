import { ConfigError } from '../errors/errors.ts'

/** A number of seconds, or a string such as `'250ms'`, `'30s'`, `'5m'`, `'12h'`, `'7d'`, `'1h30m'`. */
export type Duration = number | string

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * Converts a {@link Duration} to milliseconds.
 *
 * @throws ConfigError `DURATION_INVALID` when it is negative, not finite or not in the format above.
 * @example duration('1h30m') // 5_400_000
 */
export function duration(value: Duration): number {
  if (typeof value === 'number') {
    if (Number.isFinite(value) && value >= 0) return value * 1000
  } else if (typeof value === 'string') {
    const parts = [...value.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*/gy)]
    if (parts.length > 0 && parts.reduce((length, part) => length + part[0].length, 0) === value.length) {
      const ms = parts.reduce((total, [, amount, unit]) => total + Number(amount) * UNIT_MS[unit as string]!, 0)
      if (ms < Infinity) return ms
    }
  }
  throw new ConfigError(
    `${typeof value === 'number' || typeof value === 'bigint' ? value : JSON.stringify(value)} is not a duration.`,
    {
      code: 'DURATION_INVALID',
      hint: "Pass seconds as a number, or a string such as '250ms', '30s', '5m' or '1h30m'.",
    },
  )
}
