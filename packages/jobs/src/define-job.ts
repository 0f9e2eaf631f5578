import { ConfigError, duration, type Duration, type StandardSchema } from '@msc/core'
import { parseCron } from './cron-pattern.ts'
import { isPath } from './paths.ts'
import type { JobContext } from './context.ts'

/** An event as a handler sees it. */
export interface JobEvent<Data = unknown> {
  readonly id: string
  readonly name: string
  readonly data: Data
  /** Milliseconds since the epoch. */
  readonly ts: number
}

/** An event to send. */
export interface EventInput {
  readonly name: string
  readonly data: unknown
  /** The same id again starts nothing. Default: a new one. */
  readonly id?: string
  /** Milliseconds since the epoch: when it happened. Default: now. */
  readonly ts?: number
}

/**
 * An event and what it carries. A trigger, what to wait for, and what to send: `jobs.send(releaseSubmitted, data)` is
 * checked by the compiler against this one event, however many others there are.
 */
export interface EventType<Data = unknown> {
  readonly event: string
  readonly schema?: StandardSchema<unknown, Data> | undefined
}

export interface CronTrigger {
  /** Five fields, or six with seconds first. */
  readonly cron: string
  /** IANA name. Default UTC. */
  readonly timezone?: string
}

export type Trigger<Data = unknown> = EventType<Data> | CronTrigger

/** A path into the event, such as `data.userId`: runs of equal values share the limit. */
export type KeyPath = string

export interface Concurrency {
  /** Runs that work at the same time; one that sleeps or waits does not count. */
  readonly limit: number
  /** Default: all runs of the job. */
  readonly key?: KeyPath
}

export interface Throttle {
  /** Runs that may start in `period`, evenly spread; the others wait their turn. */
  readonly limit: number
  readonly period: Duration
  /** How many may start at once before they are spread. Default 1. */
  readonly burst?: number
  readonly key?: KeyPath
}

export interface Debounce {
  /** The run starts when no event has come for so long, with the event of the latest `ts`. */
  readonly period: Duration
  /** It starts at the latest so long after the first event. */
  readonly maxWait?: Duration
  readonly key?: KeyPath
}

export interface Batch {
  /** Events in one run, at most 100. */
  readonly size: number
  /** The run starts at the latest so long after its first event, with what has come. */
  readonly timeout: Duration
  readonly key?: KeyPath
}

export interface CancelOn {
  readonly event: string
  /** Only runs whose own event has the same value there. */
  readonly match?: KeyPath
  /** Only for so long after the run was queued. */
  readonly timeout?: Duration
}

export interface JobOptions<Data> {
  /** Lower case, digits and `-`. Part of stored runs: renaming a job leaves its unfinished runs without a handler. */
  readonly id: string
  readonly triggers: readonly Trigger<Data>[]
  /** For the triggers that bring none. Checked when the event is sent and again before the handler runs. */
  readonly schema?: StandardSchema<unknown, Data>
  /** Of the handler and of each step. Default 3. */
  readonly attempts?: number
  /** Milliseconds before attempt `attempt` (1 is the first retry). Default: exponential from 1 s with full jitter. */
  readonly backoff?: (attempt: number) => number
  readonly concurrency?: Concurrency | readonly Concurrency[]
  readonly throttle?: Throttle
  readonly debounce?: Debounce
  readonly batch?: Batch
  /** Seconds, −600 to 600, by which a run goes before those queued meanwhile; or the path of such a number. */
  readonly priority?: number | KeyPath
  /** Events of equal values within 24 hours start one run. */
  readonly idempotencyKey?: KeyPath
  /** From the first start to the end, waits included; then the run fails for good and is rolled back. */
  readonly timeout?: Duration
  readonly cancelOn?: readonly CancelOn[]
  /** Called once when a run has failed for good, after its rollbacks. */
  readonly onFailure?: (failure: {
    readonly error: Error
    readonly event: JobEvent<Data>
    readonly runId: string
  }) => unknown
}

export interface JobDefinition<Data = unknown, Result = unknown> {
  readonly id: string
  readonly triggers: readonly Trigger<Data>[]
  readonly schema: StandardSchema<unknown, Data> | undefined
  readonly attempts: number
  readonly backoff: ((attempt: number) => number) | undefined
  readonly concurrency: readonly Concurrency[]
  readonly throttle: Throttle | undefined
  readonly debounce: Debounce | undefined
  readonly batch: Batch | undefined
  readonly priority: number | KeyPath | undefined
  readonly idempotencyKey: KeyPath | undefined
  /** Milliseconds. */
  readonly timeoutMs: number | undefined
  readonly cancelOn: readonly CancelOn[]
  readonly onFailure: JobOptions<Data>['onFailure']
  readonly handler: (context: JobContext<Data>) => Result | Promise<Result>
}

/** Any definition: what lists and drivers hold. */
export type AnyJob = JobDefinition<never>

/** An event's name and the schema of its data. */
export function defineEvent<Data = unknown>(event: string, schema?: StandardSchema<unknown, Data>): EventType<Data> {
  if (!isEventName(event)) {
    throw new ConfigError(`[msc/jobs] ${JSON.stringify(event)} is not an event's name.`, {
      code: 'EVENT_NAME_INVALID',
      hint: 'Use area/what.',
    })
  }
  return { event, schema }
}

/**
 * A job: what it listens to, what it accepts, and what it does.
 *
 * @throws ConfigError for options that are not valid, naming the one.
 */
export function defineJob<Data = unknown, Result = unknown>(
  options: JobOptions<Data>,
  handler: (context: JobContext<Data>) => Result | Promise<Result>,
): JobDefinition<Data, Result> {
  const { id, triggers, schema, attempts = 3, backoff, throttle, debounce, batch, priority, idempotencyKey } = options
  const concurrency = options.concurrency === undefined ? [] : [options.concurrency].flat()
  const cancelOn = options.cancelOn ?? []
  const check = (ok: boolean, problem: string, hint?: string): void => {
    if (!ok)
      throw new ConfigError(`[msc/jobs] ${id}: ${problem}`, {
        code: 'JOB_OPTION_INVALID',
        ...(hint !== undefined && { hint }),
      })
  }
  const key = (name: string, path: string | undefined): void => {
    check(path === undefined || isPath(path), `${name} ${JSON.stringify(path)} is no path.`, "Such as 'data.userId'.")
  }
  const count = (name: string, value: number, max: number): void => {
    check(Number.isInteger(value) && value >= 1 && value <= max, `${name} must be an integer from 1 to ${max}.`)
  }
  if (typeof id !== 'string' || !/^[a-z\d]+(-[a-z\d]+)*$/.test(id)) {
    throw new ConfigError(`[msc/jobs] ${JSON.stringify(id)} is not a job id.`, {
      code: 'JOB_ID_INVALID',
      hint: "Use lower case, digits and '-'.",
    })
  }
  count('attempts', attempts, 20)
  const triggersHint = "Pass a list: triggers: [{ event: 'release/submitted' }], or [{ cron: '0 0 * * *' }]."
  check(Array.isArray(triggers) && triggers.length > 0, 'it has no trigger and would never run.', triggersHint)
  for (const trigger of triggers) {
    check(typeof trigger === 'object' && trigger !== null, 'a trigger is not an object.', triggersHint)
    if ('event' in trigger)
      check(isEventName(trigger.event), `${JSON.stringify(trigger.event)} is not an event's name.`)
    else parseCron(trigger)
  }
  check(concurrency.length <= 2, 'at most two concurrency limits.')
  for (const { limit, key: path } of concurrency) {
    count('concurrency.limit', limit, 1_000_000)
    key('concurrency.key', path)
  }
  if (throttle) {
    count('throttle.limit', throttle.limit, 1_000_000)
    count('throttle.burst', throttle.burst ?? 1, 1_000_000)
    check(duration(throttle.period) > 0, 'throttle.period must be longer than nothing.')
    key('throttle.key', throttle.key)
  }
  if (debounce) {
    check(duration(debounce.period) > 0, 'debounce.period must be longer than nothing.')
    key('debounce.key', debounce.key)
  }
  if (batch) {
    count('batch.size', batch.size, 100)
    check(duration(batch.timeout) > 0, 'batch.timeout must be longer than nothing.')
    key('batch.key', batch.key)
  }
  check(!(batch && debounce), 'it can be debounced or batched, not both.')
  check(!(batch && cancelOn.length > 0), 'a batch can not be cancelled by an event: it has several of its own.')
  if (typeof priority === 'number') check(Math.abs(priority) <= 600, 'priority must be from -600 to 600 seconds.')
  else key('priority', priority)
  key('idempotencyKey', idempotencyKey)
  for (const { match } of cancelOn) key('cancelOn.match', match)
  return {
    id,
    triggers,
    schema,
    attempts,
    backoff,
    concurrency,
    throttle,
    debounce,
    batch,
    priority,
    idempotencyKey,
    timeoutMs: options.timeout === undefined ? undefined : duration(options.timeout),
    cancelOn,
    onFailure: options.onFailure,
    handler,
  }
}

function isEventName(name: string): boolean {
  return typeof name === 'string' && name.length > 0 && name.length <= 256
}
