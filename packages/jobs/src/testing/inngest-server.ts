import { sortableId, systemClock, type Clock } from '@msc/core'
import {
  startWireServer,
  type WireAnswer,
  type WireBehaviour,
  type WireRequest,
  type WireServer,
} from '@msc/core/testing'
import { executeFunction } from './inngest-executor.ts'
import { createFlow, createSlots } from './inngest-flow.ts'
import {
  evaluate,
  isMatch,
  ulid,
  wireMs,
  wireRun,
  type RegisteredFunction,
  type WireEventIn,
  type WireRun,
} from './inngest-wire.ts'
import { isApiToken, sign } from './inngest-signature.ts'

/** How the server answers the following requests. `error`: with 503. */
export type InngestBehaviour = WireBehaviour | 'error'

export interface InngestServerOptions {
  readonly eventKey: string
  /** A key of the form `signkey-<env>-<hex>`. */
  readonly signingKey: string
  readonly port?: number
  /** Milliseconds between attempts if the SDK does not name a delay. Default 50. */
  readonly retryMs?: number
  readonly clock?: Clock
}

export interface InngestServer extends WireServer<InngestBehaviour> {
  readonly events: readonly WireEventIn[]
  readonly runs: readonly WireRun[]
  /** Asks an application's endpoint to register its functions here, as Inngest does after a deployment. */
  sync(endpoint: string): Promise<void>
  /** Cancels a run, as Inngest's REST API does. Returns false if it has ended or does not exist. */
  cancel(runId: string): boolean
  /** Resolves when no run is in progress. */
  idle(): Promise<void>
}

/**
 * Starts Inngest's event API, registration, flow control and executor on loopback, as its SDK uses them. Calls are signed and
 * verified. Expressions may be paths, or matches in the form that the SDK writes.
 */
export async function startInngestServer(options: InngestServerOptions): Promise<InngestServer> {
  const { eventKey, signingKey, retryMs = 50, clock = systemClock } = options
  const functions = new Map<string, RegisteredFunction>()
  const events: WireEventIn[] = []
  const seen = new Set<string>()
  const runs: WireRun[] = []
  const working = new Map<
    WireRun,
    { readonly done: Promise<void>; readonly abort: AbortController; readonly event: WireEventIn }
  >()
  const waiters = createEventWaiters(clock)
  const slot = createSlots()
  const stopping = new AbortController()

  const start = (fn: RegisteredFunction, batch: readonly WireEventIn[]): Promise<WireRun> => {
    const event = batch[0] as WireEventIn
    const run: WireRun = {
      id: ulid(sortableId()),
      functionId: fn.id,
      eventIds: batch.flatMap(({ internalId }) => internalId ?? []),
      startedAt: clock.now(),
      status: 'running',
    }
    runs.push(run)
    const abort = new AbortController()
    const keys = (fn.concurrency ?? []).map(({ limit, key }, index) => ({
      key: `${fn.id}:${index}:${key === undefined ? '' : JSON.stringify(evaluate(key, event))}`,
      limit,
    }))
    const rank = clock.now() - Number(fn.priority?.run ? (evaluate(fn.priority.run, event) ?? 0) : 0) * 1000
    const done = executeFunction(fn, batch, run, {
      signingKey,
      retryMs,
      clock,
      signal: AbortSignal.any([abort.signal, stopping.signal]),
      fetch,
      slot: (work) => slot(keys, rank, work),
      nextEvent: (name, expression, ms) => waiters.next(event, name, expression, ms),
      invoke: (id, data) => invoke(id, data),
    })
      .catch((error: unknown) => {
        run.status = abort.signal.aborted ? 'cancelled' : 'failed'
        run.result = abort.signal.aborted ? undefined : { message: String(error) }
      })
      .finally(() => {
        run.endedAt = clock.now()
        working.delete(run)
      })
    working.set(run, { done, abort, event })
    return done.then(() => run)
  }
  const flow = createFlow(clock, (fn, batch) => void start(fn, batch))

  const invoke = async (id: string, data: unknown): Promise<WireRun> => {
    const fn = functions.get(id)
    if (!fn) throw new Error(`There is no function ${id}`)
    return start(fn, [{ id: sortableId(), name: 'inngest/function.invoked', data, ts: clock.now() }])
  }

  const cancelBy = (event: WireEventIn): void => {
    for (const [run, { abort, event: own }] of working) {
      for (const { event: name, if: expression, timeout } of functions.get(run.functionId)?.cancel ?? []) {
        const inTime = timeout === undefined || own.ts + wireMs(timeout, clock.now()) > clock.now()
        if (name === event.name && inTime && isMatch(expression, own, event)) abort.abort(new Error('cancelled'))
      }
    }
  }

  const isNew = (id: string): boolean => {
    if (seen.has(id)) return false
    seen.add(id)
    return true
  }
  const trigger = (event: WireEventIn): void => {
    events.push(event)
    // What comes again is kept, and starts no function again that it has started.
    if (isNew(event.id)) {
      waiters.notify(event)
      cancelBy(event)
    }
    for (const fn of functions.values()) {
      if (fn.triggers.some((each) => each.event === event.name) && isNew(`${fn.id}:${event.id}`)) flow.admit(fn, event)
    }
  }

  const take = (body: Buffer): WireAnswer => {
    const parsed = JSON.parse(body.toString('utf8')) as WireEventIn | WireEventIn[]
    const list = Array.isArray(parsed) ? parsed : [parsed]
    const received = list.map((event) => {
      const internalId = ulid(sortableId())
      return { ...event, internalId, id: event.id ?? internalId, ts: event.ts ?? clock.now() }
    })
    const ids = received.map((event) => event.internalId)
    return { json: { ids, status: 200 }, sent: () => received.forEach(trigger) }
  }

  const wire = await startWireServer<InngestBehaviour>({
    port: options.port,
    refusal: (status) => ({ error: status === 400 ? 'malformed request' : 'refused' }),
    behaviours: { error: { status: 503, json: { error: 'unavailable' } } },
    answer: (request) => answerTo(request, { eventKey, signingKey, events, runs, functions, take }),
    async closing() {
      stopping.abort(new Error('The server was closed'))
      await Promise.allSettled([...working.values()].map(({ done }) => done))
    },
  })
  return Object.assign(wire, {
    events,
    runs,
    async sync(endpoint: string) {
      const response = await fetch(endpoint, {
        method: 'PUT',
        headers: { 'x-inngest-signature': sign('', signingKey) },
      })
      if (!response.ok) throw new Error(`Registration answered ${response.status}: ${await response.text()}`)
    },
    cancel(runId: string) {
      const run = [...working.keys()].find(({ id }) => id === runId)
      if (run) working.get(run)?.abort.abort(new Error('cancelled'))
      return run !== undefined
    },
    async idle() {
      while (working.size > 0) await Promise.allSettled([...working.values()].map(({ done }) => done))
    },
  })
}

interface Api {
  readonly eventKey: string
  readonly signingKey: string
  readonly events: readonly WireEventIn[]
  readonly runs: readonly WireRun[]
  readonly functions: Map<string, RegisteredFunction>
  /** Accepts the events of a request body. */
  take(body: Buffer): WireAnswer
}

/** Answers the health check, the event API and the registration of functions. */
function answerTo({ method, url: { pathname, searchParams }, headers, body }: WireRequest, api: Api): WireAnswer {
  if (pathname === '/health') return { json: { status: 200, message: 'OK' } }
  if (method === 'POST' && pathname.startsWith('/e/')) {
    if (pathname.slice(3) === api.eventKey) return api.take(body)
    return { status: 401, json: { error: 'Event key not found', status: 401 } }
  }
  const isEvents = method === 'GET' && /^\/v1\/events(\/|$)/.test(pathname)
  const isRegistration = method === 'POST' && pathname === '/fn/register'
  if (!isEvents && !isRegistration) return { status: 404, json: { error: 'not found' } }
  if (!isApiToken(headers.authorization, api.signingKey)) return { status: 401, json: { error: 'Unauthorized' } }
  if (isEvents) return answerAboutEvents(pathname, searchParams, api)
  const registered = JSON.parse(body.toString('utf8')) as { functions: RegisteredFunction[] }
  for (const fn of registered.functions) api.functions.set(fn.id, fn)
  return { json: { ok: true, modified: true } }
}

/** The part of the REST API that says what has become of events. */
function answerAboutEvents(pathname: string, params: URLSearchParams, { events, runs }: Api): WireAnswer {
  const [, id, rest] = /^\/v1\/events\/([^/]+)(\/runs)?$/.exec(pathname) ?? []
  const written = ({ internalId, ...event }: WireEventIn): object => ({ internal_id: internalId, ...event })
  if (pathname === '/v1/events') {
    const listed = events.filter(({ internalId }) => internalId !== undefined).toReversed()
    const from = params.has('cursor')
      ? listed.findIndex(({ internalId }) => internalId === params.get('cursor')) + 1
      : 0
    const limit = Math.max(1, Math.min(100, Number(params.get('limit') ?? 20)))
    return { json: { data: listed.slice(from, from + limit).map(written), metadata: {} } }
  }
  if (id === undefined || !/^[\dA-HJKMNP-TV-Z]{26}$/.test(id))
    return { status: 400, json: { error: `Invalid event ID: ${id}` } }
  if (rest) return { json: { data: runs.filter(({ eventIds }) => eventIds.includes(id)).map(wireRun), metadata: {} } }
  const event = events.find(({ internalId }) => internalId === id)
  return event ? { json: { data: written(event), metadata: {} } } : { status: 404, json: { error: 'Event not found' } }
}

interface EventWaiters {
  /** Resolves with the next event that matches, or with `undefined` after `ms` milliseconds. */
  next(own: WireEventIn, name: string, expression: string | undefined, ms: number): Promise<WireEventIn | undefined>
  /** Passes an event to all that wait. */
  notify(event: WireEventIn): void
}

/** Keeps the steps that wait for an event (`step.waitForEvent`). */
function createEventWaiters(clock: Clock): EventWaiters {
  const waiters = new Set<(event: WireEventIn) => void>()
  return {
    next: (own, name, expression, ms) =>
      new Promise((resolve) => {
        const settle = (event?: WireEventIn): void => {
          cancel()
          waiters.delete(onEvent)
          resolve(event)
        }
        const onEvent = (event: WireEventIn): void => {
          if (event.name === name && isMatch(expression, own, event)) settle(event)
        }
        const cancel = clock.setTimeout(settle, ms)
        waiters.add(onEvent)
      }),
    notify(event) {
      for (const waiter of waiters) waiter(event)
    },
  }
}
