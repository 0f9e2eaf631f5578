import { ConfigError, processEnv, readEnv, systemClock, type Env } from '@msc/core'
import type { AnalyticsDriver, FlagSource } from '../driver.ts'
import { readAddress, type PostHogOptions } from './posthog/address.ts'
import { posthogSink } from './posthog/deliver.ts'
import { posthogFlagSource } from './posthog/flag-source.ts'
import type { PostHogTransport } from './posthog/request.ts'

export type { PostHogOptions } from './posthog/address.ts'

/**
 * PostHog on servers and edge runtimes, over `fetch`.
 *
 * @throws ConfigError for a key or a host that is none.
 */
export function posthog(options: PostHogOptions): AnalyticsDriver {
  return posthogSink(serverTransport(options))
}

/**
 * Flags as PostHog evaluates them. Each evaluation is a request.
 *
 * @throws ConfigError for a key or a host that is none.
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
        // An event is delivered where it was sent, or not.
        redirect: 'manual',
      })
    },
  }
}

/** Characters below which compression saves no packet. */
const WORTH_COMPRESSING = 1400

function gzip(text: string): Promise<ArrayBuffer> {
  const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Response(compressed).arrayBuffer()
}

/** What NEXT_PUBLIC_POSTHOG_KEY (and NEXT_PUBLIC_POSTHOG_HOST) describe, or `undefined` without a key. */
export function posthogFromEnv(
  env: Env = processEnv(),
): { readonly driver: AnalyticsDriver; readonly flags: FlagSource } | undefined {
  const key = readEnv(env, 'NEXT_PUBLIC_POSTHOG_KEY')
  const host = readEnv(env, 'NEXT_PUBLIC_POSTHOG_HOST')
  if (!key && host) {
    throw new ConfigError('[msc/analytics] NEXT_PUBLIC_POSTHOG_HOST is set but NEXT_PUBLIC_POSTHOG_KEY is not.', {
      code: 'CONFIG_HALF_SET',
      hint: 'Set NEXT_PUBLIC_POSTHOG_KEY too, or remove the host to use the embedded driver.',
    })
  }
  if (!key) return undefined
  const options = { key, ...(host && { host }) }
  return { driver: posthog(options), flags: posthogFlags(options) }
}
