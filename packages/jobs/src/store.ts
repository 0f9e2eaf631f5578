import type { Carrier } from '@msc/core'
import type { JobEvent } from './define-job.ts'
import type { RunInfo, RunQuery, RunStatus } from './driver.ts'
import type { Failure } from './errors.ts'

/** What happened to one step, as replay reads it. Key: the id, numbered when it repeats. */
export interface StepRecord {
  readonly key: string
  /** Order of the first start within the run. */
  readonly seq: number
  readonly status: 'completed' | 'failed' | 'retrying' | 'sleeping'
  readonly attempts: number
  readonly startedAt: number
  readonly endedAt?: number
  readonly output?: unknown
  readonly error?: Failure
  /** Milliseconds since the epoch: not before then. */
  readonly wakeAt?: number
}

export interface RunRecord {
  readonly id: string
  readonly job: string
  readonly event: JobEvent
  readonly carrier: Carrier
  readonly status: RunStatus
  /** Failed attempts of the handler so far. */
  readonly attempt: number
  readonly createdAt: number
  /** Set once the run has failed for good: what is left to do is rolling back. */
  readonly failure?: Failure
  readonly endedAt?: number
  readonly result?: unknown
  readonly error?: Failure
}

export interface NewRun {
  readonly id: string
  readonly job: string
  readonly event: JobEvent
  readonly carrier: Carrier
  readonly createdAt: number
}

/** A run that this worker owns until its lease ends. */
export interface ClaimedRun {
  readonly run: RunRecord
  readonly steps: readonly StepRecord[]
  /** Fencing: every write needs it, and fails once somebody else has claimed the run. */
  readonly token: string
}

export type RunEnd =
  | { readonly status: 'completed'; readonly result: unknown }
  | { readonly status: 'failed'; readonly error: Failure }

/**
 * Where the embedded engine keeps runs. Each method is atomic and durable when it resolves. Those that take a token
 * write nothing and answer false when it no longer owns the run.
 */
export interface JobStore {
  readonly name: string
  /** Inserts all, skipping ids that exist. */
  enqueue(runs: readonly NewRun[]): Promise<void>
  /** Up to `limit` runs that are due, or whose lease has ended at `now`, oldest first. */
  claim(owner: string, now: number, leaseMs: number, limit: number): Promise<ClaimedRun[]>
  /** Frees the runs whose owner is not alive; returns how many. */
  releaseDead(isAlive: (owner: string) => boolean): Promise<number>
  renew(id: string, token: string, leaseUntil: number): Promise<boolean>
  saveStep(id: string, token: string, step: StepRecord): Promise<boolean>
  /** Gives the run back until `wakeAt`. */
  park(id: string, token: string, change: { readonly wakeAt: number; readonly attempt: number }): Promise<boolean>
  /** Notes that the run has failed for good and will roll back. */
  markFailing(id: string, token: string, failure: Failure): Promise<boolean>
  end(id: string, token: string, end: RunEnd, now: number): Promise<boolean>
  /** When the next run is due (may be past), or `undefined` when none waits. */
  nextDue(): Promise<number | undefined>
  cancel(id: string, now: number): Promise<boolean>
  get(id: string): Promise<{ readonly run: RunRecord; readonly steps: readonly StepRecord[] } | undefined>
  list(query: RunQuery): Promise<RunRecord[]>
  /** Runs by status. */
  counts(): Promise<Readonly<Record<RunStatus, number>>>
  close(): Promise<void>
}

export function toRunInfo(run: RunRecord, steps?: readonly StepRecord[]): RunInfo {
  const { id, job, event, status, attempt, createdAt, endedAt, result, error } = run
  return {
    id,
    job,
    event,
    status,
    attempt,
    createdAt,
    ...(endedAt !== undefined && { endedAt }),
    ...(result !== undefined && { result }),
    ...(error && { error }),
    ...(steps && {
      steps: steps
        .toSorted((a, b) => a.seq - b.seq)
        .map(({ key, status, attempts, startedAt, endedAt, error }) => ({
          id: key,
          status,
          attempts,
          startedAt,
          ...(endedAt !== undefined && { endedAt }),
          ...(error && { error }),
        })),
    }),
  }
}
