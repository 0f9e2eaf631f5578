import { ConfigError, type MscErrorOptions } from '@msc/core'

/** The error for a mistake of the application's. In one place, because a page loads it first. */
export function refusal(message: string, code: string, more?: Partial<MscErrorOptions>): ConfigError {
  return new ConfigError(`[msc/realtime] ${message}`, { code, ...more })
}
