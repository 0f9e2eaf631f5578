import { systemClock } from '@msc/core'
import { createPageFetch, keepaliveRoom } from '@msc/core/delivery'
import type { AnalyticsDriver, FlagSource } from '../driver.ts'
import { readAddress, type PostHogOptions } from './posthog/address.ts'
import { posthogSink } from './posthog/deliver.ts'
import { posthogFlagSource } from './posthog/flag-source.ts'
import type { PostHogTransport } from './posthog/request.ts'

export type { PostHogOptions as PostHogBrowserOptions } from './posthog/address.ts'
export { posthogRecorder, type PostHogRecorderOptions } from './posthog/recorder.ts'

/**
 * PostHog from a page, over its `fetch`. Requests that are sent as the page is left outlive it. Nothing is captured
 * automatically.
 *
 * @throws ConfigError for an invalid key or host.
 */
export function posthogBrowser(options: PostHogOptions): AnalyticsDriver {
  return posthogSink(pageTransport(options), keepaliveRoom)
}

/**
 * Flags that PostHog evaluates for the visitor.
 *
 * @throws ConfigError for an invalid key or host.
 */
export function posthogBrowserFlags(options: PostHogOptions): FlagSource {
  return posthogFlagSource(pageTransport(options), 'client')
}

function pageTransport(options: PostHogOptions): PostHogTransport {
  const request = createPageFetch({ fetch: options.fetch })
  const here = typeof location === 'undefined' ? undefined : location.href
  return {
    driver: 'posthog-browser',
    address: readAddress(options, here),
    now: systemClock.now,
    // Without a content type of its own: the browser would send a preflight request for one.
    post: (url, body, signal) =>
      request(url, { method: 'POST', body, signal, credentials: 'omit', redirect: 'manual' }),
  }
}
