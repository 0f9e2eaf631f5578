import {
  ConfigError,
  DriverError,
  MscError,
  lazyPeer,
  processEnv,
  readEnv,
  readEnvGroup,
  systemClock,
  toError,
  type Clock,
  type Env,
} from '@msc/core'
import type { Inngest } from 'inngest'
import type { JobLog } from '../context.ts'
import type { JobHost, JobsDriver } from '../driver.ts'
import { compile } from './inngest-function.ts'
import { wrap } from './inngest-payload.ts'

type Sdk = typeof import('inngest')
type Edge = typeof import('inngest/edge')

export interface InngestOptions {
  readonly eventKey: string
  readonly signingKey: string
  /** Names the application to Inngest. Default `msc-platform`. */
  readonly appId?: string
  /** Of the event API and of the API. Default: Inngest's. */
  readonly baseUrl?: string
  readonly fetch?: typeof fetch
  readonly clock?: Clock
  /** The SDK's modules, where you load them yourself. */
  readonly sdk?: {
    readonly inngest: Pick<Sdk, 'Inngest' | 'NonRetriableError' | 'RetryAfterError' | 'referenceFunction'>
    readonly edge: Pick<Edge, 'serve'>
  }
}

const loadInngest = lazyPeer('jobs', 'inngest', () => import('inngest'))
const loadEdge = lazyPeer('jobs', 'inngest', () => import('inngest/edge'))

interface Loaded {
  readonly client: Inngest.Any
  readonly inngest: Pick<Sdk, 'NonRetriableError' | 'RetryAfterError'>
  readonly serve: (request: Request) => Promise<Response>
}

/**
 * The same definitions on Inngest, through its SDK (`inngest`, an optional peer, loaded on first use). Inngest keeps the
 * events and the runs and calls `handler`; every call is verified with the signing key.
 *
 * @throws ConfigError without both keys.
 */
export function inngest(options: InngestOptions): JobsDriver {
  const { eventKey, signingKey, appId = 'msc-platform', baseUrl, clock = systemClock } = options
  if (!eventKey || !signingKey) {
    throw new ConfigError(`[msc/jobs] [inngest] Missing option \`${eventKey ? 'signingKey' : 'eventKey'}\`.`, {
      hint: 'Set INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY.',
    })
  }
  let host: JobHost | undefined
  let loading: Promise<Loaded> | undefined
  let closed = false

  const load = async (): Promise<Loaded> => {
    const sdk = options.sdk?.inngest ?? (await loadInngest())
    const edge = options.sdk?.edge ?? (await loadEdge())
    const client = new sdk.Inngest({
      id: appId,
      eventKey,
      signingKey,
      isDev: false,
      // In-process continuation would skip the calls that make a step durable before its result is seen.
      checkpointing: false,
      // With it a race is not over before all its steps are.
      optimizeParallelism: false,
      ...(baseUrl && { baseUrl }),
      ...(options.fetch && { fetch: options.fetch }),
      // The SDK keeps silent what is replayed.
      logger: host ? spoken(host.log) : quiet,
      internalLogger: quiet,
    })
    const functions = (host?.jobs ?? []).map((job) => compile(client, sdk, job, host as JobHost, { appId, clock }))
    const serve = edge.serve({ client, functions })
    return { client, inngest: sdk, serve }
  }
  const loaded = (): Promise<Loaded> => {
    if (closed) throw new DriverError('inngest', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    return (loading ??= load().catch((error: unknown) => {
      loading = undefined
      throw error
    }))
  }

  return {
    specificationVersion: 1,
    name: 'inngest',
    capabilities: { selfDriven: false },
    bind(given) {
      host = given
    },
    async send(events, signal) {
      const { client } = await loaded()
      signal.throwIfAborted()
      try {
        await client.send(
          events.map(({ id, name, data, ts, carrier }) => ({ id, name, ts, data: wrap(data, carrier) })),
        )
      } catch (error) {
        if (MscError.isInstance(error)) throw error
        const { message } = toError(error)
        const refused = /\b4\d\d\b|event key|unauthorized/i.test(message)
        throw new DriverError('inngest', refused ? 'The event was refused.' : 'The event could not be delivered.', {
          code: refused ? 'DRIVER_REFUSED' : 'DRIVER_FAILED',
          retryable: !refused,
          ...(refused && { hint: 'Check INNGEST_EVENT_KEY.' }),
        })
      }
    },
    async start() {
      await loaded()
    },
    async handler(request) {
      const { serve } = await loaded()
      return serve(request)
    },
    async health(signal) {
      await loaded()
      const url = new URL('/health', baseUrl ?? 'https://inn.gs')
      const send = options.fetch ?? fetch
      const response = await send(url, { signal }).catch((cause: unknown) => {
        throw new DriverError('inngest', 'The event API can not be reached.', { retryable: true, cause })
      })
      await response.body?.cancel()
      if (response.status >= 500)
        throw new DriverError('inngest', `The event API answered ${response.status}.`, { retryable: true })
    },
    async close() {
      closed = true
    },
  }
}

/** The driver that INNGEST_EVENT_KEY, INNGEST_SIGNING_KEY and INNGEST_BASE_URL describe, or `undefined` without keys. */
export function inngestFromEnv(env: Env = processEnv()): JobsDriver | undefined {
  const found = readEnvGroup(env, 'jobs', ['INNGEST_EVENT_KEY', 'INNGEST_SIGNING_KEY'])
  const baseUrl = readEnv(env, 'INNGEST_BASE_URL')
  return (
    found &&
    inngest({ eventKey: found.INNGEST_EVENT_KEY, signingKey: found.INNGEST_SIGNING_KEY, ...(baseUrl && { baseUrl }) })
  )
}

/** What handlers say; the errors that the SDK logs of its own accord are reported by the engine. */
function spoken(log: JobLog): JobLog {
  const say =
    (level: keyof JobLog): JobLog[keyof JobLog] =>
    (message, data) => {
      if (typeof message === 'string') log[level](message, data)
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

/** Inngest's own log says nothing that the engine does not. */
const quiet = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }
