import { ConfigError, type Duration, type StandardSchema } from '@msc/core'

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
}

export interface StepOptions<Output> {
  /** Undoes the step when the run fails for good. Runs once, is retried as a step is, and must bear being repeated. */
  readonly rollback?: (output: Output) => unknown
}

/**
 * What a handler does its work with. Code between steps runs again each time the run is resumed, so everything that has
 * an effect or may fail belongs in a step.
 *
 * An id that is used again becomes `id:1`, `id:2`: keep the order of steps the same from one resumption to the next.
 */
export interface StepTools {
  /**
   * Runs `fn` until it has succeeded once, at most as many times as the job has attempts, and returns what it returned
   * as JSON keeps it (`undefined` as `null`).
   * @throws StepError when the attempts are used up or `fn` threw a NonRetriableError.
   */
  run<Output>(id: string, fn: () => Output | Promise<Output>, options?: StepOptions<Output>): Promise<Output>
  /** Seconds, or a string such as `'30d'`. */
  sleep(id: string, time: Duration): Promise<void>
  sleepUntil(id: string, time: Date | number): Promise<void>
  sendEvent(id: string, events: EventInput | readonly EventInput[]): Promise<{ ids: string[] }>
}

export interface JobContext<Data> {
  readonly event: JobEvent<Data>
  readonly step: StepTools
  readonly runId: string
  /** 0 for the first attempt of the handler. */
  readonly attempt: number
}

export interface JobOptions<Data> {
  /** Lower case, digits and `-`. Part of stored runs: renaming a job leaves its unfinished runs without a handler. */
  readonly id: string
  readonly triggers: readonly { readonly event: string }[]
  /** Checked when the event is sent and again before the handler runs. */
  readonly schema?: StandardSchema<unknown, Data>
  /** Of the handler and of each step. Default 3. */
  readonly attempts?: number
  /** Milliseconds before attempt `attempt` (1 is the first retry). Default: exponential from 1 s with full jitter. */
  readonly backoff?: (attempt: number) => number
  /** Called once when a run has failed for good, after its rollbacks. */
  readonly onFailure?: (failure: {
    readonly error: Error
    readonly event: JobEvent<Data>
    readonly runId: string
  }) => unknown
}

export interface JobDefinition<Data = unknown> {
  readonly id: string
  readonly triggers: readonly { readonly event: string }[]
  readonly schema: StandardSchema<unknown, Data> | undefined
  readonly attempts: number
  readonly backoff: ((attempt: number) => number) | undefined
  readonly onFailure: JobOptions<Data>['onFailure']
  readonly handler: (context: JobContext<Data>) => unknown
}

/** Any definition: what lists and drivers hold. */
export type AnyJob = JobDefinition<never>

/**
 * A job: what it listens to, what it accepts, and what it does.
 *
 * @throws ConfigError for an id, attempts or triggers that are not valid.
 */
export function defineJob<Data = unknown>(
  options: JobOptions<Data>,
  handler: (context: JobContext<Data>) => unknown,
): JobDefinition<Data> {
  const { id, triggers, schema, attempts = 3, backoff, onFailure } = options
  if (!/^[a-z\d]+(-[a-z\d]+)*$/.test(id)) {
    throw new ConfigError(`[msc/jobs] ${JSON.stringify(id)} is not a job id.`, {
      hint: "Use lower case, digits and '-'.",
    })
  }
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > 20) {
    throw new ConfigError(`[msc/jobs] ${id}: attempts must be an integer from 1 to 20.`)
  }
  if (triggers.length === 0) throw new ConfigError(`[msc/jobs] ${id} has no trigger and would never run.`)
  return { id, triggers, schema, attempts, backoff, onFailure, handler }
}
