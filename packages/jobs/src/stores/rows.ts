import type { JobEvent } from '../define-job.ts'
import type { RunStatus } from '../driver.ts'
import type { Failure } from '../errors.ts'
import type { RunRecord, StepRecord } from '../store.ts'

/** A run as SQL stores keep it: JSON as text, times in milliseconds. */
export interface RunRow {
  readonly id: string
  readonly job: string
  readonly events: string
  readonly carrier: string
  readonly status: RunStatus
  readonly attempt: number
  readonly epoch: number
  readonly created_at: number
  readonly started_at: number | null
  readonly ended_at: number | null
  readonly failure: string | null
  readonly result: string | null
  readonly error: string | null
  readonly replay_of: string | null
}

export interface StepRow {
  readonly run_id: string
  readonly key: string
  readonly seq: number
  readonly status: StepRecord['status']
  readonly attempts: number
  readonly started_at: number
  readonly ended_at: number | null
  readonly output: string | null
  readonly error: string | null
  readonly wake_at: number | null
}

export function toRun(row: RunRow): RunRecord {
  return {
    id: row.id,
    job: row.job,
    events: JSON.parse(row.events) as JobEvent[],
    carrier: JSON.parse(row.carrier) as RunRecord['carrier'],
    status: row.status,
    attempt: Number(row.attempt),
    createdAt: Number(row.created_at),
    ...(row.started_at !== null && { startedAt: Number(row.started_at) }),
    ...(row.ended_at !== null && { endedAt: Number(row.ended_at) }),
    ...(row.failure !== null && { failure: JSON.parse(row.failure) as Failure }),
    ...(row.result !== null && { result: JSON.parse(row.result) as unknown }),
    ...(row.error !== null && { error: JSON.parse(row.error) as Failure }),
    ...(row.replay_of !== null && { replayOf: row.replay_of }),
  }
}

export function toStep(row: StepRow): StepRecord {
  return {
    key: row.key,
    seq: Number(row.seq),
    status: row.status,
    attempts: Number(row.attempts),
    startedAt: Number(row.started_at),
    ...(row.ended_at !== null && { endedAt: Number(row.ended_at) }),
    ...(row.output !== null && { output: JSON.parse(row.output) as unknown }),
    ...(row.error !== null && { error: JSON.parse(row.error) as Failure }),
    ...(row.wake_at !== null && { wakeAt: Number(row.wake_at) }),
  }
}

/** JSON, or null for what is not there. */
export function text(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value)
}
