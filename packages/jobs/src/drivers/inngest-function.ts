import {
  MscError,
  currentContext,
  deadline,
  emit,
  startOperation,
  toError,
  withCarrier,
  withContext,
  type Carrier,
  type Clock,
  isError,
} from '@msc/core'
import type { Inngest, InngestFunction } from 'inngest'
import type { JobContext, JobLog, StepContext, StepOptions, StepTools } from '../context.ts'
import type { AnyJob, EventInput, JobEvent } from '../define-job.ts'
import type { JobHost, StepInfo } from '../driver.ts'
import { JobTimeoutError, StepError } from '../errors.ts'
import { mapSteps } from '../map-steps.ts'
import { prefixed } from './prefixed-log.ts'
import { comparable, valueAt } from '../paths.ts'
import { durationOf, timeOf } from '../step-times.ts'
import { createStepKeys } from '../step-keys.ts'
import { isStepError, judge, toFailure } from '../verdict.ts'
import { functionOptions } from './inngest-options.ts'
import { unwrap, wrap, type SdkEvent } from './inngest-payload.ts'

type Sdk = Pick<typeof import('inngest'), 'NonRetriableError' | 'RetryAfterError' | 'referenceFunction'>

/** What the SDK gives a handler, as far as it is used here. */
interface SdkContext {
  readonly event: SdkEvent
  readonly events?: readonly SdkEvent[]
  readonly runId: string
  readonly attempt: number
  readonly logger?: JobLog
  readonly step: {
    run(id: string, fn: () => unknown): Promise<unknown>
    sleep(id: string, ms: number): Promise<void>
    sleepUntil(id: string, time: Date): Promise<void>
    waitForEvent(id: string, options: { event: string; timeout: number; match?: string }): Promise<SdkEvent | null>
    invoke(id: string, options: { function: unknown; data: object; timeout?: number }): Promise<unknown>
  }
}

/** A step that has started; `undo` once it is completed and can be undone. */
interface Undo {
  readonly key: string
  undo?: () => unknown
}

/** In the order they started, with what is known of their ends. */
type Trail = Map<string, StepInfo>

/** What one call of a handler shares among its parts. */
interface Run {
  readonly job: AnyJob
  readonly host: JobHost
  readonly sdk: Sdk
  readonly appId: string
  readonly clock: Clock
  readonly context: SdkContext
  readonly carrier: Carrier
  readonly event: JobEvent
  readonly rollbacks: Undo[]
  readonly trail: Trail
  /** Steps that were begun: the run has no end before they have. */
  readonly begun: Set<Promise<unknown>>
  deadlineAt?: number
}

/** A definition as a function of Inngest's: the same handler over the SDK's steps. */
export function compile(
  client: Inngest.Any,
  sdk: Sdk,
  job: AnyJob,
  host: JobHost,
  { appId, clock }: { readonly appId: string; readonly clock: Clock },
): InngestFunction.Any {
  const handler = (context: SdkContext): Promise<unknown> => {
    const { carrier, event } = unwrap(context.event, context.runId)
    return withCarrier(carrier, () =>
      perform({
        job,
        host,
        sdk,
        appId,
        clock,
        context: inThisContext(context),
        carrier: carrier as Carrier,
        event,
        rollbacks: [],
        trail: new Map(),
        begun: new Set(),
      }),
    )
  }
  return client.createFunction(functionOptions(job) as never, handler as never) as InngestFunction.Any
}

/** The SDK runs a step from a queue of its own, where the handler's asynchronous context is lost. */
function inThisContext(context: SdkContext): SdkContext {
  const here = currentContext()
  const { step } = context
  return {
    ...pick(context),
    step: {
      run: (id, fn) => step.run(id, () => (here ? withContext(here, fn) : fn())),
      sleep: (id, ms) => step.sleep(id, ms),
      sleepUntil: (id, time) => step.sleepUntil(id, time),
      waitForEvent: (id, options) => step.waitForEvent(id, options),
      invoke: (id, options) => step.invoke(id, options),
    },
  }
}

// Not a spread: the SDK's context has getters that must not be called early.
function pick({ event, events, runId, attempt, logger }: SdkContext): Omit<SdkContext, 'step'> {
  return { event, runId, attempt, ...(events && { events }), ...(logger && { logger }) }
}

async function perform(run: Run): Promise<unknown> {
  const { job, host, sdk, context, event, clock } = run
  const info = { id: context.runId, job: job.id, event, attempt: context.attempt, createdAt: event.ts }
  try {
    if (job.timeoutMs !== undefined) {
      // In a step, so that each call of the handler has the same.
      run.deadlineAt = Number(await context.step.run('run-started', () => clock.now())) + job.timeoutMs
    }
    const events = (context.events ?? [context.event]).map((each) => unwrap(each, context.runId).event)
    const log = prefixed(context.logger ?? host.log, `${job.id} ${context.runId}`)
    const jobContext: JobContext<unknown> = {
      event,
      events,
      step: facade(run),
      runId: context.runId,
      attempt: context.attempt,
      log,
    }
    const result = (await job.handler(jobContext as never)) ?? null
    await ended(run, { ...info, status: 'completed', result })
    return result
  } catch (thrown) {
    const error = fromSdk(thrown)
    const verdict = judge(error, context.attempt + 1, job)
    if (!('final' in verdict))
      throw job.backoff
        ? new sdk.RetryAfterError(toError(error).message, verdict.retryInMs, { cause: error })
        : toSdk(error, sdk)
    const failure = toFailure(error)
    await Promise.allSettled(run.begun)
    await undo(run)
    if (job.onFailure) {
      const { onFailure } = job
      await context.step
        .run(
          'on-failure',
          async () => void (await onFailure({ error: toError(error), event: event as never, runId: context.runId })),
        )
        .catch(() => undefined)
    }
    await ended(run, { ...info, status: 'failed', error: failure }, toError(error))
    throw new sdk.NonRetriableError(failure.message, { cause: error })
  }
}

async function undo({ job, sdk, context, rollbacks, trail }: Run): Promise<void> {
  for (const { key, undo: work } of rollbacks.toReversed()) {
    if (!work) continue
    const id = `rollback:${key}`
    const done = context.step.run(id, () =>
      observeStep(job, context, id, 'rolled-back', async () => {
        try {
          await work()
        } catch (error) {
          throw retryable(error, job, context.attempt + 1, job.attempts, sdk)
        }
      }),
    )
    // One that keeps failing is Inngest's to show; the next goes on.
    await noted(trail, id, done).catch(() => undefined)
  }
}

/** In a step of its own: a handler is called once more for each step, and its end must be told once. */
async function ended(run: Run, info: Parameters<JobHost['onRunEnd']>[0], error?: Error): Promise<void> {
  await run.context.step.run('run-ended', () => {
    run.host.onRunEnd({ ...info, endedAt: run.clock.now(), steps: [...run.trail.values()] }, error)
    emit('jobs.run', { job: info.job, runId: info.id, outcome: info.status === 'completed' ? 'completed' : 'failed' })
    return null
  })
}

function facade(run: Run): StepTools {
  const { job, host, sdk, appId, clock, context, carrier, event, rollbacks, trail, begun, deadlineAt } = run
  const keyOf = createStepKeys()

  /** Whether the time of the whole run is up; Inngest's own timeout would cancel it, with nothing rolled back. */
  const inTime = (): void => {
    if (deadlineAt !== undefined && clock.now() >= deadlineAt)
      throw new JobTimeoutError(job.id, job.timeoutMs as number)
  }
  /** Not past the deadline, and in whole seconds: Inngest cuts off the rest, and would wake too early. */
  const capped = (ms: number): number => {
    const left = deadlineAt === undefined ? ms : Math.max(0, Math.min(ms, deadlineAt - clock.now()))
    return Math.ceil(left / 1000) * 1000
  }

  const execute = async (
    key: string,
    fn: (step: StepContext) => unknown,
    { attempts = job.attempts, timeout }: StepOptions<never>,
  ): Promise<unknown> => {
    const most = Math.min(attempts, job.attempts)
    const attempt = context.attempt + 1
    const work = (signal: AbortSignal): unknown => fn({ signal, attempt })
    const report = (error: unknown): void => host.report(error, 'abort a step', { job: job.id, step: key })
    const once = async (): Promise<unknown> =>
      timeout === undefined
        ? work(new AbortController().signal)
        : deadline(work, { operation: `[msc/jobs] Step ${key}`, timeoutMs: durationOf(timeout), clock, report })
    const done = context.step.run(key, () => {
      inTime()
      return observeStep(job, context, key, 'ok', async () => {
        try {
          return (await once()) ?? null
        } catch (error) {
          throw retryable(error, job, attempt, most, sdk)
        }
      })
    })
    try {
      return await noted(trail, key, done)
    } catch (error) {
      throw fromSdk(error, key)
    }
  }
  const begin = <T>(work: Promise<T>): Promise<T> => {
    begun.add(work)
    work.catch(() => undefined)
    return work
  }

  const tools: StepTools = {
    async run(id, fn, options = {}) {
      const key = keyOf(id)
      // Its place in the order is where it started, not where it ended.
      const entry: Undo = { key }
      rollbacks.push(entry)
      const { rollback } = options
      const work = execute(key, fn, options as StepOptions<never>).then((output) => {
        if (rollback) entry.undo = () => rollback(output as Awaited<ReturnType<typeof fn>>)
        return output
      })
      return (await begin(work)) as Awaited<ReturnType<typeof fn>>
    },
    async sleep(id, time) {
      await context.step.sleep(keyOf(id), capped(durationOf(time)))
      inTime()
    },
    async sleepUntil(id, time) {
      const at = new Date(timeOf(time))
      await context.step.sleepUntil(keyOf(id), deadlineAt !== undefined && +at > deadlineAt ? new Date(deadlineAt) : at)
      inTime()
    },
    async waitForEvent(id, { event: wanted, match, timeout }) {
      const key = keyOf(id)
      // What no event can equal is not waited for.
      if (match !== undefined && comparable(valueAt(event, match)) === undefined) return null
      const name = typeof wanted === 'string' ? wanted : wanted.event
      const found = await context.step.waitForEvent(key, {
        event: name,
        timeout: capped(durationOf(timeout)),
        ...(match !== undefined && { match }),
      })
      if (!found) inTime()
      return found ? (unwrap(found, key).event as never) : null
    },
    async invoke(id, other, { data, timeout }) {
      const key = keyOf(id)
      const known = host.jobs.find((each) => each.id === other.id)
      const payload = known ? await host.payload(known, data) : data
      try {
        return (await context.step.invoke(key, {
          function: sdk.referenceFunction({ appId, functionId: other.id }),
          data: wrap(payload, carrier),
          ...(timeout !== undefined && { timeout: capped(durationOf(timeout)) }),
        })) as never
      } catch (error) {
        throw fromSdk(error, key)
      }
    },
    async sendEvent(id, events) {
      const key = keyOf(id)
      const list = (Array.isArray(events) ? events : [events]) as readonly EventInput[]
      const identified = list.map((each, index) => ({ ...each, id: each.id ?? `${context.runId}/${key}/${index}` }))
      return (await execute(key, async () => ({ ids: await host.send(identified) }), {})) as { ids: string[] }
    },
    map: (id, items, fn, options = {}) => mapSteps(tools, id, items, fn, options),
  }
  return tools
}

async function noted<T>(trail: Trail, id: string, done: Promise<T>): Promise<T> {
  trail.set(id, { id, status: 'waiting' })
  try {
    const output = await done
    trail.set(id, { id, status: 'completed', output })
    return output
  } catch (error) {
    trail.set(id, { id, status: 'failed', error: toFailure(error) })
    throw error
  }
}

async function observeStep<T>(
  job: AnyJob,
  { runId, attempt }: Pick<SdkContext, 'runId' | 'attempt'>,
  step: string,
  success: 'ok' | 'rolled-back',
  work: () => Promise<T>,
): Promise<T> {
  const operation = startOperation('jobs.step')
  const tell = (outcome: 'ok' | 'rolled-back' | 'error'): void =>
    operation.end({ job: job.id, runId, step, attempt: attempt + 1, outcome })
  try {
    const value = await operation.run(work)
    tell(success)
    return value
  } catch (error) {
    tell('error')
    throw error
  }
}

/** A failed attempt as the SDK has to throw it, so that Inngest tries again when and as often as the job says. */
function retryable(error: unknown, job: AnyJob, failed: number, attempts: number, sdk: Sdk): unknown {
  const verdict = judge(error, failed, { ...job, attempts })
  if ('final' in verdict) {
    const { name, message } = toError(error)
    // With the name of the error, which is what the handler will see of it.
    return Object.assign(new sdk.NonRetriableError(message, { cause: error }), { name })
  }
  if (job.backoff) return new sdk.RetryAfterError(toError(error).message, verdict.retryInMs, { cause: error })
  return toSdk(error, sdk)
}

/** Ours as theirs, so that the SDK answers Inngest with the right headers. */
function toSdk(error: unknown, sdk: Sdk): unknown {
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
  if (isStepError(error) || !isError(error) || MscError.isInstance(error)) return error
  if (error.constructor.name === 'StepError') return new StepError(key ?? 'step', toFailure(error))
  return key === undefined ? error : new StepError(key, toFailure(error))
}
