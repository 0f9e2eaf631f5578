import { ConfigError, DriverError, MscError, lazyPeer, processEnv, readEnv, toError, type Env } from '@msc/core'
import type { AnalyticsDriver, FlagResult, FlagValue } from '../driver.ts'

type Sdk = typeof import('posthog-node')

export interface PostHogOptions {
  /** Project key, `phc_…`. */
  readonly key: string
  /** Default `https://us.i.posthog.com`. */
  readonly host?: string
  readonly fetch?: typeof fetch
  /** The SDK's module, where you load it yourself. */
  readonly sdk?: Pick<Sdk, 'PostHog'>
}

const load = lazyPeer('analytics', 'posthog-node', () => import('posthog-node'))
const DEFAULT_HOST = 'https://us.i.posthog.com'

/**
 * PostHog through `posthog-node` (an optional peer, loaded on first use).
 *
 * Each batch gets a client of its own: the SDK keeps what it could not send in a queue of its own and would send it
 * again behind the engine's back. Its queue, timers, retries and remote configuration stay out of play.
 *
 * @throws ConfigError without a key, or with a host that is no URL.
 */
export function posthog(options: PostHogOptions): AnalyticsDriver {
  const { key, host = DEFAULT_HOST } = options
  if (!key) {
    throw new ConfigError('[msc/analytics] [posthog] Missing option `key`.', {
      hint: 'Set NEXT_PUBLIC_POSTHOG_KEY or pass key.',
    })
  }
  if (!URL.canParse(host)) {
    throw new ConfigError('[msc/analytics] [posthog] The host is not a URL.', {
      hint: 'Set NEXT_PUBLIC_POSTHOG_HOST to https://….',
    })
  }
  const send = options.fetch ?? fetch
  let closed = false

  const withClient = async <T>(
    signal: AbortSignal,
    size: number,
    work: (client: InstanceType<Sdk['PostHog']>) => Promise<T>,
  ): Promise<T> => {
    if (closed) throw new DriverError('posthog', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    const { PostHog } = options.sdk ?? (await load())
    let failure: unknown
    const client = new PostHog(key, {
      host,
      flushAt: size + 1,
      flushInterval: 3_600_000,
      maxBatchSize: Math.max(1, size),
      fetchRetryCount: 0,
      requestTimeout: 60_000,
      featureFlagsRequestTimeoutMs: 60_000,
      disableGeoip: true,
      preloadFeatureFlags: false,
      fetch: (url, init) =>
        send(url, { ...(init as RequestInit), signal }).then(
          (response) => {
            if (!response.ok) failure ??= refusal(response.status)
            return response
          },
          (error: unknown) => {
            failure ??= error
            throw error
          },
        ),
    })
    // The SDK prints what goes wrong; the engine reports it instead.
    client.on('error', () => undefined)
    try {
      const value = await work(client)
      if (failure !== undefined) throw failure
      return value
    } catch (error) {
      signal.throwIfAborted()
      throw translate(failure ?? error)
    }
  }

  return {
    specificationVersion: 1,
    name: 'posthog',
    capabilities: { flags: true },
    async send(events, signal) {
      await withClient(signal, events.length, async (client) => {
        for (const { id, event, distinctId, timestamp, properties } of events) {
          client.capture({ distinctId, event, properties: { ...properties }, timestamp: new Date(timestamp), uuid: id })
        }
        await client.flush()
      })
    },
    async evaluateFlags({ distinctId, properties }, signal) {
      const found = await withClient(signal, 1, (client) =>
        client.getAllFlags(distinctId, { personProperties: stringified(properties), disableGeoip: true }),
      )
      const results: Record<string, FlagResult> = {}
      for (const [flag, value] of Object.entries(found))
        results[flag] = { value: value as FlagValue, reason: 'posthog' }
      return results
    },
    async health(signal) {
      // An evaluation is the one read that the project key allows; an empty answer is an answer.
      await withClient(signal, 1, (client) => client.getAllFlags('msc-health-check', { disableGeoip: true }))
    },
    async close() {
      closed = true
    },
  }
}

/** The driver that NEXT_PUBLIC_POSTHOG_KEY (and NEXT_PUBLIC_POSTHOG_HOST) describe, or `undefined` without a key. */
export function posthogFromEnv(env: Env = processEnv()): AnalyticsDriver | undefined {
  const key = readEnv(env, 'NEXT_PUBLIC_POSTHOG_KEY')
  const host = readEnv(env, 'NEXT_PUBLIC_POSTHOG_HOST')
  if (!key && host) {
    throw new ConfigError('[msc/analytics] NEXT_PUBLIC_POSTHOG_HOST is set but NEXT_PUBLIC_POSTHOG_KEY is not.', {
      code: 'CONFIG_HALF_SET',
      hint: 'Set NEXT_PUBLIC_POSTHOG_KEY too, or remove the host to use the embedded driver.',
    })
  }
  return key ? posthog({ key, ...(host && { host }) }) : undefined
}

function stringified(properties: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, String(value)]))
}

function refusal(status: number): DriverError {
  const retryable = status === 408 || status === 429 || status >= 500
  return new DriverError('posthog', `The server answered ${status}.`, {
    code: status === 401 || status === 403 ? 'DRIVER_UNAUTHORIZED' : 'DRIVER_REFUSED',
    retryable,
    ...(!retryable && { hint: 'Check NEXT_PUBLIC_POSTHOG_KEY and NEXT_PUBLIC_POSTHOG_HOST.' }),
  })
}

function translate(error: unknown): MscError {
  if (MscError.isInstance(error)) return error
  return new DriverError('posthog', 'The request failed.', { retryable: true, cause: toError(error) })
}
