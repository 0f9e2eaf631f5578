import type { Duration } from '@msc/core'
import type { EventInput, EventType, JobDefinition, JobEvent } from './define-job.ts'

/** What a step's function is given. */
export interface StepContext {
  /** Aborts when the step's time is up, the run was cancelled, or another worker has taken over. */
  readonly signal: AbortSignal
  /** 1 for the first. */
  readonly attempt: number
}

export interface StepOptions<Output> {
  /** Undoes the step when the run fails for good. Runs once, is retried as a step is, and must bear being repeated. */
  readonly rollback?: (output: Output) => unknown
  /** At most the job's own, which is the default. */
  readonly attempts?: number
  /** Of one attempt. Default: none. An attempt that takes longer has failed; its `signal` aborts. */
  readonly timeout?: Duration
}

export interface WaitOptions<Data> {
  readonly event: string | EventType<Data>
  /** A path, such as `data.releaseId`, at which the run's own event and the awaited one have the same value. */
  readonly match?: string
  readonly timeout: Duration
}

export interface InvokeOptions<Data> {
  readonly data: Data
  /** Default: none. */
  readonly timeout?: Duration
}

export interface MapOptions {
  /** Steps at a time. Default: all. */
  readonly concurrency?: number
}

/**
 * What a handler does its work with. Code between steps runs again each time the run is resumed, so everything that has
 * an effect or may fail belongs in a step.
 *
 * An id that is used again becomes `id:1`, `id:2`: keep the order of steps the same from one resumption to the next.
 */
export interface StepTools {
  /**
   * Runs `fn` until it has succeeded once, at most as many times as there are attempts, and returns what it returned as
   * JSON keeps it (`undefined` as `null`).
   * @throws StepError when the attempts are used up or `fn` threw a NonRetriableError.
   */
  run<Output>(
    id: string,
    fn: (context: StepContext) => Output | Promise<Output>,
    options?: StepOptions<Output>,
  ): Promise<Output>
  /**
   * Seconds, or a string such as `'30d'`.
   * @throws ValidationError for what is no duration.
   */
  sleep(id: string, time: Duration): Promise<void>
  /**
   * Milliseconds since the epoch, or a Date; one that has passed is over at once.
   * @throws ValidationError for what is no time, such as a Date of a text that is none.
   */
  sleepUntil(id: string, time: Date | number): Promise<void>
  /** The first such event that is sent from now on; `null` when none came in time. */
  waitForEvent<Data = unknown>(id: string, options: WaitOptions<Data>): Promise<JobEvent<Data> | null>
  /**
   * Runs another job and returns what it returned. Cancelling this run leaves that one alone.
   * @throws StepError when it failed for good, was cancelled, or took longer than `timeout`.
   */
  invoke<Data, Result>(id: string, job: JobDefinition<Data, Result>, options: InvokeOptions<Data>): Promise<Result>
  sendEvent(id: string, events: EventInput | readonly EventInput[]): Promise<{ ids: string[] }>
  /** A step for each item, at the same time: `id[0]`, `id[1]`, … Rejects with the first error, when all have ended. */
  map<Item, Output>(
    id: string,
    items: readonly Item[],
    fn: (item: Item, index: number, context: StepContext) => Output | Promise<Output>,
    options?: MapOptions & StepOptions<Output>,
  ): Promise<Output[]>
}

/** Says each line once, however often the code around it is replayed. */
export interface JobLog {
  debug(message: string, data?: Readonly<Record<string, unknown>>): void
  info(message: string, data?: Readonly<Record<string, unknown>>): void
  warn(message: string, data?: Readonly<Record<string, unknown>>): void
  error(message: string, data?: Readonly<Record<string, unknown>>): void
}

export interface JobContext<Data> {
  readonly event: JobEvent<Data>
  /** All of a batch; otherwise `event` alone. */
  readonly events: readonly JobEvent<Data>[]
  readonly step: StepTools
  readonly runId: string
  /** 0 for the first attempt of the handler. */
  readonly attempt: number
  readonly log: JobLog
}
