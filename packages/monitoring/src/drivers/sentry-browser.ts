import { createPageFetch, keepaliveRoom } from '@msc/core/delivery'
import type { MonitoringDriver } from '../driver.ts'
import { sentryDriver, type SentryOptions } from './sentry/deliver.ts'

export type { SentryOptions as SentryBrowserOptions } from './sentry/deliver.ts'

/**
 * Makes a Sentry driver for pages, over `fetch`. When the page is left, the remaining signals are sent in requests that
 * outlive it.
 *
 * @throws ConfigError `SENTRY_DSN_INVALID`.
 */
export function sentryBrowser(options: SentryOptions): MonitoringDriver {
  const request = createPageFetch({ fetch: options.fetch })
  return sentryDriver(options, {
    name: 'sentry-browser',
    platform: 'javascript',
    // No content type of its own, because that would cause a CORS preflight request.
    post: (url, body, { signal }) =>
      request(url, { method: 'POST', body, signal, credentials: 'omit', redirect: 'manual' }),
    leavingMaxBytes: keepaliveRoom,
  })
}
