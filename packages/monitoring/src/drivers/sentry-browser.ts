import { lazyPeer } from '@msc/core'
import type { MonitoringDriver } from '../driver.ts'
import { sentryDelivery, type SentrySdk } from './sentry-delivery.ts'

type Sdk = Pick<typeof import('@sentry/browser'), 'BrowserClient' | 'createTransport' | 'defaultStackParser' | 'Scope'>

export interface SentryBrowserOptions {
  /** `https://<key>@<host>/<project>`. */
  readonly dsn: string
  readonly fetch?: typeof fetch
  readonly sdk?: Sdk
}

const load = lazyPeer('monitoring', '@sentry/browser', async (): Promise<Sdk> => {
  // Named one by one, so that a bundler leaves the rest of the SDK out.
  const { BrowserClient, createTransport, defaultStackParser, Scope } = await import('@sentry/browser')
  return { BrowserClient, createTransport, defaultStackParser, Scope }
})

/**
 * Sentry through `@sentry/browser` (an optional peer, loaded with the first event).
 *
 * @throws ConfigError for a DSN that is none.
 */
export function sentryBrowser(options: SentryBrowserOptions): MonitoringDriver {
  return sentryDelivery({
    name: 'sentry-browser',
    platform: 'javascript',
    dsn: options.dsn,
    ...(options.fetch && { fetch: options.fetch }),
    loadSdk: async (): Promise<SentrySdk> => {
      const { BrowserClient, createTransport, defaultStackParser, Scope } = options.sdk ?? (await load())
      return {
        createTransport,
        stackParser: defaultStackParser,
        createScope: () => new Scope(),
        createClient: (clientOptions) =>
          new BrowserClient(clientOptions as unknown as ConstructorParameters<typeof BrowserClient>[0]),
      }
    },
  })
}
