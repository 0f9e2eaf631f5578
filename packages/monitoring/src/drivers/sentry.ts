import type { MonitoringDriver } from '../driver.ts'
import { sentryDriver, type SentryOptions } from './sentry/deliver.ts'

export { sentryFromEnv } from './sentry-from-env.ts'
export type { SentryOptions } from './sentry/deliver.ts'

/**
 * Sentry on servers and edge runtimes, over `fetch`.
 *
 * @throws ConfigError for a DSN that is none.
 */
export function sentry(options: SentryOptions): MonitoringDriver {
  const request: typeof fetch = options.fetch ?? ((...args) => fetch(...args))
  return sentryDriver(options, {
    name: 'sentry',
    platform: 'node',
    post: (url, body, { signal }) =>
      request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-sentry-envelope' },
        body,
        signal,
        redirect: 'manual',
      }),
  })
}
