import { ConfigError, DriverError, MscError, toError } from '@msc/core'
import type { BrowserClient, BrowserOptions, Event, createTransport, defaultStackParser } from '@sentry/browser'
import type { MonitoringDriver, MonitoringEvent } from '../driver.ts'
import { toSentryEvent } from './sentry-event.ts'

export type StackParser = typeof defaultStackParser
type Transport = ReturnType<typeof createTransport>
type Client = Pick<BrowserClient, 'captureEvent' | 'close'>

/** What both SDKs take: the rest of their options is about what they would collect by themselves. */
type ClientOptions = Pick<
  BrowserOptions,
  'dsn' | 'sendClientReports' | 'dataCollection' | 'attachStacktrace' | 'sampleRate'
> & {
  integrations: []
  stackParser: StackParser
  transport: (options: TransportOptions) => Transport
}
interface TransportOptions {
  readonly url: string
  recordDroppedEvent(...args: never[]): void
}

/** The parts of an SDK that the driver uses. */
export interface SentrySdk {
  readonly createClient: (options: ClientOptions) => Client
  readonly createTransport: typeof createTransport
  readonly createScope: () => import('@sentry/browser').Scope
  readonly stackParser: StackParser
}

export interface SentryDelivery {
  readonly name: string
  readonly dsn: string
  readonly platform: 'node' | 'javascript'
  readonly fetch?: typeof fetch
  readonly loadSdk: () => Promise<SentrySdk>
}

/**
 * A client of its own, not the SDK's global one: nothing is patched, nothing collected, nothing retried behind the
 * engine's back. The SDK builds the envelope, keeps rate limits, and reads stacks.
 *
 * @throws ConfigError for a DSN that is none.
 */
export function sentryDelivery(delivery: SentryDelivery): MonitoringDriver {
  const { name, platform } = delivery
  const dsn = parseDsn(delivery.dsn)
  const request = delivery.fetch ?? fetch
  let closed = false
  let opened: Promise<{ client: Client; sdk: SentrySdk }> | undefined
  /** Events on the wire, by id: the SDK's transport does not tell its caller what became of one. */
  const pending = new Map<string, { signal: AbortSignal; settle: (error?: MscError) => void }>()

  const post = async (url: string, body: string | Uint8Array, signal: AbortSignal): Promise<Response> => {
    const response = await request(url, {
      method: 'POST',
      // A string body would get a content type that makes a browser ask for permission first.
      body: body as BodyInit,
      signal,
      ...(platform === 'javascript' && { keepalive: body.length < 60_000, credentials: 'omit' }),
    })
    // Read to the end, so that the connection can be used again.
    await response.arrayBuffer()
    return response
  }

  const open = async (): Promise<{ client: Client; sdk: SentrySdk }> => {
    const sdk = await delivery.loadSdk()
    const client = sdk.createClient({
      dsn: delivery.dsn,
      integrations: [],
      stackParser: sdk.stackParser,
      sampleRate: 1,
      attachStacktrace: false,
      sendClientReports: false,
      dataCollection: {
        userInfo: false,
        cookies: false,
        httpHeaders: false,
        httpBodies: [],
        urlQueryParams: false,
        graphQL: { document: false, variables: false },
        genAI: { inputs: false, outputs: false },
        mcp: { inputs: false, outputs: false },
        databaseQueryData: false,
        queues: false,
        stackFrameVariables: false,
      },
      transport: (options) => {
        const inner = sdk.createTransport(options as Parameters<SentrySdk['createTransport']>[0], async ({ body }) => {
          const waiting = pending.get(eventIdOf(body))
          const response = await post(options.url, body, waiting?.signal ?? AbortSignal.timeout(10_000))
          return {
            statusCode: response.status,
            headers: {
              'x-sentry-rate-limits': response.headers.get('x-sentry-rate-limits'),
              'retry-after': response.headers.get('retry-after'),
            },
          }
        })
        return {
          flush: (timeout) => inner.flush(timeout),
          async send(envelope) {
            const id = String((envelope[0] as { event_id?: unknown }).event_id ?? '')
            try {
              const response = await inner.send(envelope)
              pending.get(id)?.settle(verdict(name, response.statusCode))
              return response
            } catch (error) {
              pending.get(id)?.settle(failure(name, error))
              throw error
            }
          },
        }
      },
    })
    return { client, sdk }
  }

  const start = async (): Promise<{ client: Client; sdk: SentrySdk }> => {
    if (closed) throw new DriverError(name, 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    opened ??= open().catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }

  const sendOne = async (event: MonitoringEvent, signal: AbortSignal): Promise<void> => {
    const { client, sdk } = await start()
    try {
      await new Promise<void>((resolve, reject) => {
        pending.set(event.id, { signal, settle: (error) => (error ? reject(error) : resolve()) })
        signal.addEventListener('abort', () => reject(toError(signal.reason)), { once: true })
        client.captureEvent(
          toSentryEvent(event, platform, sdk.stackParser) as Event,
          { event_id: event.id },
          sdk.createScope(),
        )
      })
    } finally {
      pending.delete(event.id)
    }
  }

  return {
    specificationVersion: 1,
    name,
    async send(events, signal) {
      // Each event is an envelope of its own; those that arrived before one failed are known to Sentry by their ids.
      const results = await Promise.allSettled(events.map((event) => sendOne(event, signal)))
      const failures = results
        .filter((result) => result.status === 'rejected')
        .map(({ reason }) => failure(name, reason))
      // One that may be sent again decides: the ids make repeating the others harmless.
      const first = failures.find(({ retryable }) => retryable) ?? failures[0]
      if (first) throw first
    },
    async health(signal) {
      if (closed) throw new DriverError(name, 'The driver is closed.', { code: 'DRIVER_CLOSED' })
      // An envelope without items: checked for its key, counted nowhere.
      const body = `${JSON.stringify({ sent_at: new Date().toISOString() })}\n`
      const response = await post(dsn.envelopeUrl, body, signal).catch((error: unknown) => {
        throw failure(name, error)
      })
      const refused = verdict(name, response.status)
      if (refused) throw refused
    },
    async close() {
      if (closed) return
      closed = true
      await (await opened?.catch(() => undefined))?.client.close(0)
    },
  }
}

/** @throws ConfigError */
export function parseDsn(dsn: string): { readonly envelopeUrl: string } {
  const url = URL.parse(dsn)
  const project = url?.pathname.split('/').at(-1)
  if (!url || !/^https?:$/.test(url.protocol) || !url.username || !project) {
    // Never the value itself: a DSN pasted into the wrong variable is often a secret pasted into this one.
    throw new ConfigError('[msc/monitoring] [sentry] The DSN is not one.', {
      hint: 'Set NEXT_PUBLIC_SENTRY_DSN to https://<key>@<host>/<project>, from Settings → Client Keys.',
    })
  }
  const folder = url.pathname.slice(0, -project.length)
  return {
    envelopeUrl: `${url.protocol}//${url.host}${folder}api/${project}/envelope/?sentry_version=7&sentry_key=${url.username}`,
  }
}

function eventIdOf(body: string | Uint8Array): string {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body.subarray(0, 4096))
  try {
    return String((JSON.parse(text.slice(0, text.indexOf('\n'))) as { event_id?: unknown }).event_id ?? '')
  } catch {
    return ''
  }
}

function verdict(driver: string, status: number | undefined): DriverError | undefined {
  if (status === undefined) {
    return new DriverError(driver, 'Held back by a rate limit of the server.', {
      code: 'DRIVER_RATE_LIMITED',
      retryable: true,
    })
  }
  if (status >= 200 && status < 300) return undefined
  const retryable = status === 408 || status === 429 || status >= 500
  return new DriverError(driver, `The server answered ${status}.`, {
    code: status === 401 || status === 403 ? 'DRIVER_UNAUTHORIZED' : 'DRIVER_REFUSED',
    retryable,
    ...(!retryable && { hint: 'Check NEXT_PUBLIC_SENTRY_DSN.' }),
  })
}

function failure(driver: string, error: unknown): MscError {
  if (MscError.isInstance(error)) return error
  return new DriverError(driver, 'The request failed.', { retryable: true, cause: toError(error) })
}
