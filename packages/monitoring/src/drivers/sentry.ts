import { lazyPeer, processEnv, readEnv, type Env } from '@msc/core'
import type { MonitoringDriver } from '../driver.ts'
import { sentryDelivery, type SentrySdk } from './sentry-delivery.ts'

type Sdk = Pick<typeof import('@sentry/node'), 'NodeClient' | 'createTransport' | 'defaultStackParser' | 'Scope'>

export interface SentryOptions {
  /** `https://<key>@<host>/<project>`. */
  readonly dsn: string
  readonly fetch?: typeof fetch
  /** The SDK's module, where you load it yourself. */
  readonly sdk?: Sdk
}

const load = lazyPeer('monitoring', '@sentry/node', () => import('@sentry/node'))

/**
 * Sentry through `@sentry/node` (an optional peer, loaded with the first event).
 *
 * @throws ConfigError for a DSN that is none.
 */
export function sentry(options: SentryOptions): MonitoringDriver {
  return sentryDelivery({
    name: 'sentry',
    platform: 'node',
    dsn: options.dsn,
    ...(options.fetch && { fetch: options.fetch }),
    loadSdk: async (): Promise<SentrySdk> => {
      const { NodeClient, createTransport, defaultStackParser, Scope } = options.sdk ?? (await load())
      return {
        createTransport,
        stackParser: defaultStackParser,
        createScope: () => new Scope(),
        createClient: (clientOptions) =>
          new NodeClient({
            ...(clientOptions as unknown as ConstructorParameters<typeof NodeClient>[0]),
            includeServerName: false,
            enableRuntimeChannelInjection: false,
          }),
      }
    },
  })
}

/** The driver that NEXT_PUBLIC_SENTRY_DSN describes, or `undefined` without one. */
export function sentryFromEnv(env: Env = processEnv()): MonitoringDriver | undefined {
  const dsn = readEnv(env, 'NEXT_PUBLIC_SENTRY_DSN')
  return dsn === undefined ? undefined : sentry({ dsn })
}
