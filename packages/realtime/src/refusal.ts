import { ConfigError } from '@msc/core'

/** The error for a mistake of the application's. In one place, because a page loads it first. */
export function refusal(message: string, code: string): ConfigError {
  return new ConfigError(`[msc/realtime] ${message}`, { code })
}
