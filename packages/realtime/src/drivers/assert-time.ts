import { ConfigError } from '@msc/core'

/**
 * Does what `assertNumbers` of core does for one time in milliseconds, which would cost every page much more.
 *
 * @throws ConfigError `OPTION_INVALID`.
 */
export function assertTime(option: string, ms: unknown): void {
  if (typeof ms === 'number' && ms >= 1 && ms <= 1e15) return
  throw new ConfigError(`[msc/realtime] \`${option}\` is no number from 1 to 1e15.`, { code: 'OPTION_INVALID' })
}
