import type { Carrier, DriverBase } from '@msc/core'
import type { AnyJob, EventInput, JobEvent } from './define-job.ts'
import type { Failure } from './errors.ts'
import type { JobLog } from './context.ts'

/** An event on its way, validated, with the trace that sent it. */
export interface OutgoingEvent extends JobEvent {
  readonly carrier: Carrier
}

/** `waiting`: it has started, and sleeps, waits or will be tried again. */
export type RunStatus = 'queued' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'

export interface StepInfo {
  readonly id: string
  readonly status: 'completed' | 'failed' | 'retrying' | 'sleeping' | 'waiting'
  /** Absent, as is `startedAt`, where the vendor keeps it to itself. */
  readonly attempts?: number
  /** Milliseconds since the epoch, as are the other times. */
  readonly startedAt?: number
  readonly endedAt?: number
  readonly wakeAt?: number
  readonly output?: unknown
  readonly error?: Failure
}

export interface RunInfo {
  readonly id: string
  readonly job: string
  /** The first of a batch. */
  readonly event: JobEvent
  /** Of a batch, all. */
  readonly events?: readonly JobEvent[]
  readonly status: RunStatus
  /** Failed attempts of the handler; 0 where the vendor keeps it to itself. */
  readonly attempt: number
  readonly createdAt: number
  readonly startedAt?: number
  readonly endedAt?: number
  readonly result?: unknown
  /** Why it failed; while it goes on, why its last attempt did, where its steps are known. Redacted. */
  readonly error?: Failure
  /** The run that this one was made of by `replay`. */
  readonly replayOf?: string
  /** In the order they started; only from `run(id)`, and of a run that has just ended. */
  readonly steps?: readonly StepInfo[]
}

export interface RunQuery {
  readonly status?: RunStatus
  readonly job?: string
  /** Default 50. */
  readonly limit?: number
  /** Only runs before this one in the list: the id of the last of the previous page. */
  readonly before?: string
  /**
   * Only runs that this event started, was gathered into by a debounce or a batch, or that are replays of such ones. By the id
   * that `send` was given or answered with. With their steps, where the driver keeps them.
   */
  readonly eventId?: string
}

/** What there is to do for one job. */
export interface Depth {
  readonly job: string
  readonly queued: number
  readonly running: number
  readonly waiting: number
  readonly failed: number
  /** When the oldest that has not started was queued. */
  readonly oldestQueuedAt?: number
  readonly paused: boolean
}

/** What the engine lends a driver. */
export interface JobHost {
  readonly jobs: readonly AnyJob[]
  readonly log: JobLog
  /** Validates and sends, for `step.sendEvent`. */
  send(events: readonly EventInput[]): Promise<string[]>
  /** Validates what `step.invoke` passes to a job. */
  payload(job: AnyJob, data: unknown): Promise<unknown>
  /**
   * Runs one run, as far as it goes now. What it calls of the engine meanwhile works even while that is closing, so the
   * driver must take its events until `close` has waited for it.
   */
  during<T>(run: () => Promise<T>): Promise<T>
  /** A run has ended; called once for each, as far as a process that may be killed can promise that. */
  onRunEnd(run: RunInfo, error?: Error): void
  /** Reports what fails where nobody waits: a claim, a heartbeat, a schedule. */
  report(error: unknown, operation: string, details?: Readonly<Record<string, unknown>>): void
}

export interface JobsCapabilities {
  /** Does this process run the jobs once started (true), or does somebody call our handler (false)? */
  readonly selfDriven: boolean
}

/** What a driver lets one see and do. What is absent the vendor keeps to itself. */
export interface JobsObserver {
  /** The latest first. @throws ConfigError `JOBS_NOT_OBSERVABLE` for a query that the vendor has no answer to. */
  runs(query: RunQuery, signal: AbortSignal): Promise<RunInfo[]>
  /** With its steps; `undefined` when there is none. */
  run?(id: string, signal: AbortSignal): Promise<RunInfo | undefined>
  /** False when the run has ended already or does not exist. */
  cancel?(id: string, signal: AbortSignal): Promise<boolean>
  /** Starts a run like an ended one, with the steps before `fromStep` done; returns its id. */
  replay?(id: string, fromStep: string | undefined, signal: AbortSignal): Promise<string>
  depth?(signal: AbortSignal): Promise<Depth[]>
  /** Stops or allows starting runs of a job; `*` is all. */
  pause?(job: string, paused: boolean, signal: AbortSignal): Promise<void>
}

/** What stores events and runs jobs. */
export interface JobsDriver extends DriverBase {
  readonly capabilities: JobsCapabilities
  /** Called once, before anything else. Does no I/O. */
  bind(host: JobHost): void
  /** Durable when it resolves: the jobs of these events will run, once for each event id. All of them or none. */
  send(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<void>
  /** The same inside a transaction of the caller's, where the store is in the same database. */
  sendIn?(transaction: unknown, events: readonly OutgoingEvent[], signal: AbortSignal): Promise<void>
  /** Begins to run jobs, where `selfDriven`; else makes sure that it could answer a call. */
  start(): Promise<void>
  /** Answers the vendor's calls; absent where nobody calls. */
  handler?(request: Request): Promise<Response>
  /** Absent where the vendor keeps the runs to itself. */
  readonly observe?: JobsObserver
}
