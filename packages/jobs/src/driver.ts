import type { Carrier, DriverBase } from '@msc/core'
import type { AnyJob, JobEvent } from './define-job.ts'
import type { Failure } from './errors.ts'

/** An event on its way, validated, with the trace that sent it. */
export interface OutgoingEvent extends JobEvent {
  readonly carrier: Carrier
}

export type RunStatus = 'queued' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'

export interface StepInfo {
  readonly id: string
  readonly status: 'completed' | 'failed' | 'retrying' | 'sleeping'
  readonly attempts: number
  readonly startedAt: number
  readonly endedAt?: number
  readonly error?: Failure
}

export interface RunInfo {
  readonly id: string
  readonly job: string
  readonly event: JobEvent
  readonly status: RunStatus
  readonly attempt: number
  readonly createdAt: number
  readonly endedAt?: number
  readonly result?: unknown
  readonly error?: Failure
  /** In the order they started; only from `run(id)`. */
  readonly steps?: readonly StepInfo[]
}

export interface RunQuery {
  readonly status?: RunStatus
  readonly job?: string
  /** Default 50. */
  readonly limit?: number
}

/** What the engine lends a driver. */
export interface JobHost {
  readonly jobs: readonly AnyJob[]
  /** Validates and sends, for `step.sendEvent`. */
  send(events: readonly { readonly name: string; readonly data: unknown; readonly id?: string }[]): Promise<string[]>
  /** A run has ended; called once for each, as far as a process that may be killed can promise that. */
  onRunEnd(run: RunInfo, error?: Error): void
}

export interface JobsCapabilities {
  /** Does this process run the jobs once started (true), or does somebody call our handler (false)? */
  readonly selfDriven: boolean
  /** Are there `runs`, `run` and `cancel`? */
  readonly observable: boolean
}

/** What stores events and runs jobs. */
export interface JobsDriver extends DriverBase {
  readonly capabilities: JobsCapabilities
  /** Called once, before anything else. Does no I/O. */
  bind(host: JobHost): void
  /** Durable when it resolves: the jobs of these events will run, once for each event id. All of them or none. */
  send(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<void>
  /** Begins to run jobs, where `selfDriven`. */
  start(): Promise<void>
  /** Answers the vendor's calls; absent where nobody calls. */
  handler?(request: Request): Promise<Response>
  runs?(query: RunQuery, signal: AbortSignal): Promise<RunInfo[]>
  run?(id: string, signal: AbortSignal): Promise<RunInfo | undefined>
  /** False when the run has ended already or does not exist. */
  cancel?(id: string, signal: AbortSignal): Promise<boolean>
}
