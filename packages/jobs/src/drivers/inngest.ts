import {
  ConfigError,
  DriverError,
  MscError,
  duration,
  emit,
  lazyPeer,
  processEnv,
  readEnv,
  readEnvGroup,
  toError,
  withCarrier,
  withContext,
  currentContext,
  type Carrier,
  type Env,
} from '@msc/core'
import type { Inngest, InngestFunction } from 'inngest'
import type { AnyJob, EventInput, JobContext, JobEvent, StepTools } from '../define-job.ts'
import type { JobHost, JobsDriver } from '../driver.ts'
import { StepError } from '../errors.ts'
import { createStepKeys } from '../step-keys.ts'
import { judge, toFailure } from '../verdict.ts'

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
  /** The SDK's modules, where you load them yourself. */
  readonly sdk?: {
    readonly inngest: Pick<Sdk, 'Inngest' | 'NonRetriableError' | 'RetryAfterError'>
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

/** The property of an event's data that carries the trace; taken off before a handler sees the data. */
const CARRIER = '_msc'

/**
 * The same definitions on Inngest, through its SDK (`inngest`, an optional peer, loaded on first use). Inngest keeps the
 * events and the runs and calls `handler`; every call is verified with the signing key.
 *
 * @throws ConfigError without both keys.
 */
export function inngest(options: InngestOptions): JobsDriver {
  const { eventKey, signingKey, appId = 'msc-platform', baseUrl } = options
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
      ...(baseUrl && { baseUrl }),
      ...(options.fetch && { fetch: options.fetch }),
      logger: quiet,
      internalLogger: quiet,
    })
    const functions = (host?.jobs ?? []).map((job) => compile(client, sdk, job, host as JobHost))
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
    capabilities: { selfDriven: false, observable: false },
    bind(given) {
      host = given
    },
    async send(events, signal) {
      const { client } = await loaded()
      signal.throwIfAborted()
      try {
        await client.send(
          events.map(({ id, name, data, ts, carrier }) => ({
            id,
            name,
            ts,
            data: { ...record(data), [CARRIER]: carrier },
          })),
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

/** What the SDK gives a handler, as far as it is used here. */
interface SdkContext {
  readonly event: {
    readonly id?: string
    readonly name: string
    readonly data: Record<string, unknown>
    readonly ts?: number
  }
  readonly runId: string
  readonly attempt: number
  readonly step: {
    run(id: string, fn: () => unknown): Promise<unknown>
    sleep(id: string, ms: number): Promise<void>
    sleepUntil(id: string, time: Date): Promise<void>
  }
}

/** A step that has started; `undo` once it is completed and can be undone. */
interface Undo {
  readonly key: string
  undo?: () => unknown
}

type SdkErrors = Pick<Sdk, 'NonRetriableError' | 'RetryAfterError'>

function compile(client: Inngest.Any, sdk: SdkErrors, job: AnyJob, host: JobHost): InngestFunction.Any {
  const retries = (job.attempts - 1) as 0 | 1 | 2 | 3
  const triggers = job.triggers.map(({ event }) => ({ event }))
  const handler = (context: SdkContext): Promise<unknown> => {
    const { carrier, event } = unwrap(context)
    return withCarrier(carrier, () => run(job, host, sdk, inThisContext(context), event))
  }
  return client.createFunction({ id: job.id, retries, triggers }, handler as never) as InngestFunction.Any
}

/** The SDK runs a step from a queue of its own, where the handler's asynchronous context is lost. */
function inThisContext({ event, runId, attempt, step }: SdkContext): SdkContext {
  const here = currentContext()
  const enter = (fn: () => unknown): unknown => (here ? withContext(here, fn) : fn())
  return {
    event,
    runId,
    attempt,
    step: {
      run: (id, fn) => step.run(id, () => enter(fn)),
      sleep: (id, ms) => step.sleep(id, ms),
      sleepUntil: (id, time) => step.sleepUntil(id, time),
    },
  }
}

async function run(job: AnyJob, host: JobHost, sdk: SdkErrors, context: SdkContext, event: JobEvent): Promise<unknown> {
  const rollbacks: Undo[] = []
  const createdAt = event.ts
  try {
    const tools = facade(job, host, sdk, context, rollbacks)
    const jobContext = { event, step: tools, runId: context.runId, attempt: context.attempt } as JobContext<never>
    const result = (await job.handler(jobContext)) ?? null
    await ended(
      host,
      { id: context.runId, job: job.id, event, status: 'completed', attempt: context.attempt, createdAt, result },
      context,
    )
    return result
  } catch (thrown) {
    const error = fromSdk(thrown)
    const verdict = judge(error, context.attempt + 1, job)
    if (!('final' in verdict))
      throw job.backoff
        ? new sdk.RetryAfterError(toError(error).message, verdict.retryInMs, { cause: error })
        : toSdk(error, sdk)
    const failure = toFailure(error)
    for (const { key, undo } of rollbacks.toReversed()) {
      if (!undo) continue
      // One that keeps failing is Inngest's to show; the next goes on.
      await context.step
        .run(`rollback:${key}`, () =>
          observeStep(job, context.runId, `rollback:${key}`, 'rolled-back', async () => undo()),
        )
        .catch(() => undefined)
    }
    if (job.onFailure) {
      const { onFailure } = job
      await context.step
        .run(
          'on-failure',
          async () => void (await onFailure({ error: toError(error), event: event as never, runId: context.runId })),
        )
        .catch(() => undefined)
    }
    await ended(
      host,
      { id: context.runId, job: job.id, event, status: 'failed', attempt: context.attempt, createdAt, error: failure },
      context,
      toError(error),
    )
    throw new sdk.NonRetriableError(failure.message, { cause: error })
  }
}

/** In a step of its own: a handler is called once more for each step, and its end must be told once. */
async function ended(
  host: JobHost,
  info: Parameters<JobHost['onRunEnd']>[0],
  context: SdkContext,
  error?: Error,
): Promise<void> {
  await context.step.run('run-ended', () => {
    host.onRunEnd({ ...info, endedAt: Date.now() }, error)
    emit('jobs.run', { job: info.job, runId: info.id, outcome: info.status === 'completed' ? 'completed' : 'failed' })
    return null
  })
}

function facade(job: AnyJob, host: JobHost, sdk: SdkErrors, context: SdkContext, rollbacks: Undo[]): StepTools {
  const keyOf = createStepKeys()
  const execute = async (key: string, fn: () => unknown): Promise<unknown> => {
    try {
      return await context.step.run(key, () =>
        observeStep(job, context.runId, key, 'ok', async () => {
          try {
            return (await fn()) ?? null
          } catch (error) {
            throw toSdk(error, sdk)
          }
        }),
      )
    } catch (error) {
      throw fromSdk(error, key)
    }
  }
  return {
    async run(id, fn, { rollback } = {}) {
      const key = keyOf(id)
      // Its place in the order is where it started, not where it ended.
      const entry: Undo = { key }
      rollbacks.push(entry)
      const output = (await execute(key, fn)) as Awaited<ReturnType<typeof fn>>
      if (rollback) entry.undo = () => rollback(output)
      return output
    },
    sleep: (id, time) => context.step.sleep(keyOf(id), duration(time)),
    sleepUntil: (id, time) => context.step.sleepUntil(keyOf(id), new Date(time)),
    async sendEvent(id, events) {
      const key = keyOf(id)
      const list = (Array.isArray(events) ? events : [events]) as readonly EventInput[]
      const identified = list.map((event, index) => ({ ...event, id: event.id ?? `${context.runId}/${key}/${index}` }))
      return (await execute(key, async () => ({ ids: await host.send(identified) }))) as { ids: string[] }
    },
  }
}

async function observeStep<T>(
  job: AnyJob,
  runId: string,
  step: string,
  success: 'ok' | 'rolled-back',
  work: () => Promise<T>,
): Promise<T> {
  const from = performance.now()
  const tell = (outcome: 'ok' | 'rolled-back' | 'error'): void => {
    emit('jobs.step', { job: job.id, runId, step, attempt: 1, outcome }, from)
  }
  try {
    const value = await work()
    tell(success)
    return value
  } catch (error) {
    tell('error')
    throw error
  }
}

function unwrap({ event, runId }: SdkContext): { carrier: Partial<Carrier>; event: JobEvent } {
  const { [CARRIER]: carrier, ...data } = event.data
  return {
    carrier: (carrier ?? {}) as Partial<Carrier>,
    event: { id: event.id ?? runId, name: event.name, data, ts: event.ts ?? Date.now() },
  }
}

/** Ours as theirs, so that the SDK answers Inngest with the right headers. */
function toSdk(error: unknown, sdk: SdkErrors): unknown {
  if (!MscError.isInstance(error)) return error
  if (error.code === 'JOB_NON_RETRIABLE') return new sdk.NonRetriableError(error.message, { cause: error })
  if (error.code === 'JOB_RETRY_AFTER') {
    return new sdk.RetryAfterError(error.message, (error as unknown as { retryAfterMs: number }).retryAfterMs, {
      cause: error,
    })
  }
  return error
}

/** A step's final error as the embedded engine would throw it. */
function fromSdk(error: unknown, key?: string): unknown {
  if (error instanceof StepError || !(error instanceof Error)) return error
  if (error.constructor.name === 'StepError') return new StepError(key ?? 'step', toFailure(error))
  return key === undefined ? error : new StepError(key, toFailure(error))
}

function record(data: unknown): Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
    ? (data as Record<string, unknown>)
    : { value: data }
}

/** Inngest's own log says nothing that the engine does not. */
const quiet = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }
