import {
  ConfigError,
  DriverError,
  MscError,
  closedError,
  lazyPeer,
  peerMissing,
  systemClock,
  toError,
  withoutScope,
  type Clock,
} from '@msc/core'
import { problem } from '@msc/core/http-request'
import type { Inngest } from 'inngest'
import type { JobLog } from '../context.ts'
import type { JobHost, JobsDriver } from '../driver.ts'
import { EVENT_API, VARIABLES, assertInngest } from './inngest-address.ts'
import { REST_API, ask, hashedSigningKey, isEventList, isReceipt, isRefusal } from './inngest-api.ts'
import { compile } from './inngest-function.ts'
import { wrap } from './inngest-payload.ts'
import { createEventIds, runsOfEvent } from './inngest-runs.ts'
import { sendFailure } from './inngest-send-failure.ts'

export { inngestFromEnv } from './inngest-from-env.ts'

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

const loadInngest = lazyPeer(async () => {
  try {
    return await import('inngest')
  } catch (cause) {
    throw peerMissing('jobs', 'inngest', cause)
  }
})
const loadEdge = lazyPeer(async () => {
  try {
    return await import('inngest/edge')
  } catch (cause) {
    throw peerMissing('jobs', 'inngest', cause)
  }
})

interface Loaded {
  readonly client: Inngest.Any
  readonly inngest: Pick<Sdk, 'NonRetriableError' | 'RetryAfterError'>
  readonly serve: (request: Request) => Promise<Response>
}

/**
 * The same definitions on Inngest, through its SDK (`inngest`, an optional peer, loaded on first use). Inngest keeps the
 * events and the runs and calls `handler`; every call is verified with the signing key.
 *
 * @throws ConfigError `INNGEST_OPTION_MISSING` without both keys; `ADDRESS_INVALID` for a `baseUrl` that is none of http or https.
 */
export function inngest(options: InngestOptions): JobsDriver {
  const { eventKey, signingKey, appId = 'msc-platform', baseUrl, clock = systemClock } = options
  assertInngest(options)
  let host: JobHost | undefined
  let loading: Promise<Loaded> | undefined
  let closing = false
  /** Later: the steps that `close` waits for may still send. */
  let closed = false
  const serving = new Set<Promise<Response>>()
  let refusalTold = -Infinity
  const eventIds = createEventIds()

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
    if (closed) throw closedError('inngest')
    // What the SDK starts outlives the request that needed it first.
    return (loading ??= withoutScope(load).catch((error: unknown) => {
      loading = undefined
      throw error
    }))
  }

  return {
    specificationVersion: 1,
    name: 'inngest',
    endpoint: baseUrl ?? EVENT_API,
    variables: VARIABLES,
    capabilities: { selfDriven: false },
    bind(given) {
      host = given
    },
    async send(events, signal) {
      const { client } = await loaded()
      signal.throwIfAborted()
      try {
        const sent: { readonly ids?: readonly string[] } | undefined = await client.send(
          events.map(({ id, name, data, ts, carrier }) => ({ id, name, ts, data: wrap(data, carrier) })),
        )
        for (const [index, { id }] of events.entries()) eventIds.remember(id, sent?.ids?.[index])
      } catch (error) {
        if (MscError.isInstance(error)) throw error
        throw sendFailure(toError(error).message)
      }
    },
    async start() {
      await loaded()
    },
    async handler(request) {
      if (closing) throw closedError('inngest')
      if (!hasValidHost(request))
        return problem({ status: 400, title: 'The Host header is not valid', code: 'HOST_INVALID' })
      const serve = async (): Promise<Response> => {
        const served = await (await loaded()).serve(request)
        if (served.status < 500 || isForInngest(request)) return served
        const said = await served.text()
        const now = clock.monotonic()
        // Anybody can ask for a registration, so one report has to do for a minute of them.
        if (now - refusalTold >= 60_000) {
          refusalTold = now
          host?.report(new DriverError('inngest', `The SDK answered ${served.status}: ${said}`), 'handler')
        }
        return problem({ status: 500, title: 'The request could not be answered', code: 'INTERNAL' })
      }
      const answer = host ? host.during(serve) : serve()
      serving.add(answer)
      return answer.finally(() => serving.delete(answer))
    },
    observe: {
      async runs(query, signal) {
        if (closed) throw closedError('inngest')
        if (query.eventId === undefined) {
          throw new ConfigError('[msc/jobs] [inngest] Only the runs of one event can be listed.', {
            code: 'JOBS_NOT_OBSERVABLE',
            hint: "Pass `eventId`, or look in Inngest's dashboard.",
          })
        }
        const api = {
          send: options.fetch ?? fetch,
          base: baseUrl ?? REST_API,
          authorization: `Bearer ${await hashedSigningKey(signingKey)}`,
          jobs: host?.jobs ?? [],
        }
        return runsOfEvent({ ...query, eventId: query.eventId }, eventIds.of(query.eventId), api, signal)
      },
    },
    async health(signal) {
      await loaded()
      const send = options.fetch ?? fetch
      // Before the first request: nobody would hear of its failure while this is awaited.
      const authorization = `Bearer ${await hashedSigningKey(signingKey)}`
      const answers = await Promise.allSettled([
        // No event at all: it goes the way of events, with their key, and starts nothing.
        ask(
          send,
          new URL(`/e/${encodeURIComponent(eventKey)}`, baseUrl ?? EVENT_API),
          { variable: 'INNGEST_EVENT_KEY', expects: isReceipt, refusals: isRefusal },
          { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[]', signal },
        ),
        ask(
          send,
          new URL('/v1/events?limit=1', baseUrl ?? REST_API),
          { variable: 'INNGEST_SIGNING_KEY', expects: isEventList, refusals: isRefusal },
          { headers: { authorization }, signal },
        ),
      ])
      // The same one first each time, where both are wrong.
      for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
    },
    async close() {
      closing = true
      await Promise.allSettled(serving)
      closed = true
    },
  }
}

/** The SDK makes a URL of these headers before it verifies anything, and answers a failure with its stack. */
function hasValidHost({ headers }: Request): boolean {
  return ['host', 'x-forwarded-host'].every((name) => {
    const value = headers.get(name)
    return value === null || URL.canParse(`https://${value}`)
  })
}

/**
 * True for a call of a function, whose error Inngest is to see: the SDK verifies its signature before it runs anything. A
 * registration comes from anybody, whatever its header claims, and must not learn of the code.
 */
function isForInngest({ method, url, headers }: Request): boolean {
  return method === 'POST' && new URL(url).searchParams.has('fnId') && headers.has('x-inngest-signature')
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
