import { createPageFetch, keepaliveRoom } from '@msc/core/delivery'
import type { MonitoringDriver } from '../driver.ts'
import { sentryDriver, type SentryOptions } from './sentry/deliver.ts'

export type { SentryOptions as SentryBrowserOptions } from './sentry/deliver.ts'

/**
 * Sentry from a page, over its `fetch`; what is left when the page goes is sent so that it outlives it.
 *
 * @throws ConfigError for a DSN that is none.
 */
export function sentryBrowser(options: SentryOptions): MonitoringDriver {
  const request = createPageFetch({ fetch: options.fetch })
  return sentryDriver(options, {
    name: 'sentry-browser',
    platform: 'javascript',
    // Without a content type of its own, or a browser would ask for permission first.
    post: (url, body, { signal }) =>
      request(url, { method: 'POST', body, signal, credentials: 'omit', redirect: 'manual' }),
    leavingMaxBytes: keepaliveRoom,
  })
}
