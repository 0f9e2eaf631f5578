import {
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
import { hexOf } from '@msc/core/hash'
import { httpFailure, notTheBackend, parseContent, readAnswer } from '@msc/core/http'
import { problem } from '@msc/core/http-request'
import type { Inngest } from 'inngest'
import type { JobLog } from '../context.ts'
import type { JobHost, JobsDriver } from '../driver.ts'
import { EVENT_API, VARIABLES, assertInngest } from './inngest-address.ts'
import { compile } from './inngest-function.ts'
import { wrap } from './inngest-payload.ts'
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
        await client.send(
          events.map(({ id, name, data, ts, carrier }) => ({ id, name, ts, data: wrap(data, carrier) })),
        )
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

/**
 * Asks one of Inngest's two APIs whether it takes our key.
 *
 * Source: https://www.inngest.com/docs/reference/rest-api, https://www.inngest.com/docs/events/creating-an-event-key
 */
async function ask(
  send: typeof fetch,
  url: URL,
  { variable, expects, refusals }: Asked,
  init: RequestInit,
): Promise<void> {
  const unreachable = (cause: unknown): never => {
    throw new DriverError('inngest', `${url.host} can not be reached.`, {
      code: 'DRIVER_UNREACHABLE',
      retryable: true,
      hint: 'Check INNGEST_BASE_URL where it is set, and that it can be reached from this machine.',
      cause,
    })
  }
  const response = await send(url, { ...init, redirect: 'manual' }).catch(unreachable)
  const answer = await readAnswer(response, init.signal ?? undefined).catch(unreachable)
  const options = {
    driver: 'inngest',
    credentials: `Check ${variable}: Inngest does not know it.`,
    address: 'Check INNGEST_BASE_URL.',
    expects,
  }
  const failure = httpFailure(answer, options)
  if (failure === undefined) return
  if (failure.code !== 'DRIVER_REFUSED') throw failure
  // That there is nothing in it may be refused: by then the key was accepted. But only by Inngest.
  if (refusals(parseContent(answer.content), answer.status)) return
  const problem = notTheBackend(answer, options)
  throw new DriverError('inngest', problem.message, problem)
}

interface Asked {
  /** The one that has the key. */
  readonly variable: string
  readonly expects: (said: unknown) => boolean
  readonly refusals: (said: unknown, status: number) => boolean
}

/**
 * What the event API says of events that it took: `{ids, status: 200}`, also of none.
 *
 * Source: https://github.com/inngest/inngest, `pkg/api/api.go` at 021ac72 (the self-hosted server and the dev server).
 */
function isReceipt(said: unknown): boolean {
  return Array.isArray((Object(said) as { readonly ids?: unknown }).ids)
}

/** Of what it did not take: `{ids, status: 400, error}`, and `{status, error}` before it read them. Source: the same. */
function isRefusal(said: unknown, status: number): boolean {
  const answer = Object(said) as { readonly error?: unknown; readonly status?: unknown }
  return typeof answer.error === 'string' && answer.status === status
}

/**
 * The REST API's list of events: under `data`, or bare from older self-hosted servers, `null` where they have none.
 *
 * Source: https://www.inngest.com/docs/reference/rest-api; `pkg/api/apiv1/events.go` at 029c33b.
 */
function isEventList(said: unknown): boolean {
  const isList = (value: unknown): boolean => value === null || Array.isArray(value)
  return isList(said) || isList((Object(said) as { readonly data?: unknown }).data)
}

/**
 * A signing key as the REST API wants it: its prefix, then the SHA-256 of the bytes that its hexadecimal digits stand
 * for. Source: the SDK's own `hashSigningKey`.
 */
async function hashedSigningKey(key: string): Promise<string> {
  const [prefix = ''] = /^signkey-[\w]+-/.exec(key) ?? []
  const digits = key.slice(prefix.length)
  const bytes = Uint8Array.from(digits.match(/[\da-f]{2}/gi) ?? [], (pair) => Number.parseInt(pair, 16))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return prefix + hexOf(digest)
}

const REST_API = 'https://api.inngest.com'

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
