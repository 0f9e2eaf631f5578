import type { MonitoringDriver } from '../driver.ts'
import { sentryDriver, type SentryOptions } from './sentry/deliver.ts'

export { sentryFromEnv } from './sentry-from-env.ts'
export type { SentryOptions } from './sentry/deliver.ts'

/**
 * Makes a Sentry driver for servers and edge runtimes, over `fetch`.
 *
 * @throws ConfigError `SENTRY_DSN_INVALID`.
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
