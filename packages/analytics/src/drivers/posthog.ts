import { systemClock } from '@msc/core'
import type { AnalyticsDriver, FlagSource } from '../driver.ts'
import { readAddress, type PostHogOptions } from './posthog/address.ts'
import { posthogSink } from './posthog/deliver.ts'
import { posthogFlagSource } from './posthog/flag-source.ts'
import type { PostHogTransport } from './posthog/request.ts'

export { posthogFromEnv } from './posthog-from-env.ts'
export type { PostHogOptions } from './posthog/address.ts'

/**
 * PostHog from servers and edge runtimes, over `fetch`.
 *
 * @throws ConfigError for an invalid key or host.
 */
export function posthog(options: PostHogOptions): AnalyticsDriver {
  return posthogSink(serverTransport(options))
}

/**
 * Flags that PostHog evaluates. Each evaluation is a request.
 *
 * @throws ConfigError for an invalid key or host.
 */
export function posthogFlags(options: PostHogOptions): FlagSource {
  return posthogFlagSource(serverTransport(options), 'server')
}

function serverTransport(options: PostHogOptions): PostHogTransport {
  const send: typeof fetch = options.fetch ?? ((...args) => fetch(...args))
  return {
    driver: 'posthog',
    address: readAddress(options),
    now: systemClock.now,
    async post(url, body, signal) {
      const small = body.length < WORTH_COMPRESSING
      return send(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(!small && { 'content-encoding': 'gzip' }) },
        body: small ? body : await gzip(body),
        signal,
        // A redirect is not followed: an event must reach the configured host or fail.
        redirect: 'manual',
      })
    },
  }
}

/** Shorter bodies fit into one packet anyway, so compression saves nothing. */
const WORTH_COMPRESSING = 1400

function gzip(text: string): Promise<ArrayBuffer> {
  const compressed = new Blob([text]).stream().pipeThrough(new globalThis.CompressionStream('gzip'))
  return new Response(compressed).arrayBuffer()
}
