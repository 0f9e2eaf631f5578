import type { Carrier } from '@msc/core'
import type { JobEvent } from './define-job.ts'
import type { Depth, RunInfo, RunQuery, RunStatus } from './driver.ts'
import type { Failure } from './errors.ts'
import { INVOKED } from './payloads.ts'

/** What happened to one step, as replay reads it. Key: the id, numbered when it repeats. */
export interface StepRecord {
  readonly key: string
  /** Order of the first start within the run. */
  readonly seq: number
  /** `waiting` for an event or for another run, `sleeping` for a time, `retrying` until `wakeAt`. */
  readonly status: 'completed' | 'failed' | 'retrying' | 'sleeping' | 'waiting'
  readonly attempts: number
  readonly startedAt: number
  readonly endedAt?: number
  readonly output?: unknown
  readonly error?: Failure
  /** Milliseconds since the epoch: not before then; of `waiting`, not after then. */
  readonly wakeAt?: number
}

export interface RunRecord {
  readonly id: string
  readonly job: string
  /** One, or those of a batch. */
  readonly events: readonly JobEvent[]
  readonly carrier: Carrier
  readonly status: RunStatus
  /** Failed attempts of the handler so far. */
  readonly attempt: number
  readonly createdAt: number
  /** When it was first claimed. */
  readonly startedAt?: number
  /** Set once the run has failed for good: what is left to do is rolling back. */
  readonly failure?: Failure
  readonly endedAt?: number
  readonly result?: unknown
  readonly error?: Failure
  /** The run that goes on with what this one did. */
  readonly replayOf?: string
}

/** An event that a run waits for, or is cancelled by. */
export interface Awaited {
  readonly event: string
  /** Only events that have `value` there. Path and value come together. */
  readonly path?: string
  /** As `comparable()` writes it. */
  readonly value?: string
  /** Milliseconds since the epoch: an event of then or later does not count. */
  readonly until: number
}

/** A run works only while fewer than `limit` others with the same key do. */
export interface Slot {
  readonly key: string
  readonly limit: number
}

export interface NewRun {
  readonly id: string
  readonly job: string
  readonly events: readonly JobEvent[]
  readonly carrier: Carrier
  readonly createdAt: number
  /** Ready runs start in this order; milliseconds since the epoch less the priority. */
  readonly rank: number
  /** Not before then. Default: ready at once. */
  readonly wakeAt?: number
  readonly slots?: readonly Slot[]
  readonly cancelOn?: readonly Awaited[]
  /** The step of another run that waits for this one. */
  readonly parent?: { readonly runId: string; readonly key: string }
  /** What a replayed run has done already. */
  readonly steps?: readonly StepRecord[]
  readonly replayOf?: string
}

/** A small record under a key: what throttling, debouncing, batching and idempotency remember. */
export interface Gate {
  readonly value: string
  /** Changes with each write; what a change was based on. 0: there is none. */
  readonly version: number
}

export interface Enqueue {
  /** Inserted, skipping ids that exist. */
  readonly runs: readonly NewRun[]
  /** Delivered to the runs that wait for them or are cancelled by them. */
  readonly events: readonly JobEvent[]
  /** Runs that are collecting events. One that has become ready meanwhile makes the whole call answer false. */
  readonly amend?: readonly {
    readonly id: string
    /** Instead of the events that it has … */
    readonly replace?: readonly JobEvent[]
    /** … or after them. */
    readonly append?: readonly JobEvent[]
    readonly wakeAt: number
  }[]
  /** Written if their version is still the one named; otherwise the whole call answers false. */
  readonly gates?: readonly {
    readonly key: string
    readonly version: number
    readonly value: string
    readonly expiresAt: number
  }[]
  readonly now: number
}

/** A run that this worker owns until its lease ends. */
export interface ClaimedRun {
  readonly run: RunRecord
  readonly steps: readonly StepRecord[]
  /** Fencing: rises with each claim, and every write names it. */
  readonly epoch: number
}

export type RunEnd =
  | { readonly status: 'completed'; readonly result: unknown }
  | { readonly status: 'failed'; readonly error: Failure }

/** What a worker writes of its run, all of it or nothing. */
export interface RunChange {
  readonly id: string
  readonly epoch: number
  readonly now: number
  readonly steps?: readonly StepRecord[]
  /** By the key of a step that is written as `waiting`. */
  readonly waits?: Readonly<Record<string, Awaited>>
  /** A run that a step waits for. */
  readonly spawn?: readonly NewRun[]
  /** The run has failed for good and will roll back. */
  readonly failure?: Failure
  /** Gives the run back. `wakeAt` is overruled by what has happened meanwhile to a step that waits. */
  readonly park?: { readonly wakeAt: number; readonly attempt: number }
  readonly end?: RunEnd
}

/** `claim`, at the `now` of the change that it goes with. */
export interface NextClaim {
  readonly owner: string
  readonly leaseMs: number
  readonly limit: number
}

/**
 * `written`; `lost` when somebody else owns the run or it has ended: nothing is written. `settled` when a step of the
 * change had been settled meanwhile by what it waited for: that stays, and the rest is written.
 */
export type WriteResult = 'written' | 'lost' | 'settled'

export interface PrunePolicy {
  readonly now: number
  /** Ended before then, in milliseconds since the epoch. */
  readonly completedBefore: number
  readonly failedBefore: number
  /** At most so many ended runs are kept, the latest. */
  readonly keep: number
  /** At most so many are deleted by one call. */
  readonly limit: number
}

/** Where the embedded engine keeps runs. Each method is atomic, and durable when it resolves. */
export interface JobStore {
  readonly name: string
  /** Where it is, without credentials, and the variables that choose it: shown when it does not answer. */
  readonly endpoint?: string
  readonly variables?: readonly string[]
  /**
   * Calls `onWork` when another process may have queued something, where the store can tell; `onDeaf` once when it has not
   * been able to for a while, until when polling finds the work.
   */
  subscribe?(onWork: () => void, onDeaf?: (error: Error) => void): Promise<() => Promise<void>>
  gates(keys: readonly string[]): Promise<Gate[]>
  /** False when a gate or a collecting run has changed since it was read: nothing is written then. */
  enqueue(batch: Enqueue): Promise<boolean>
  /** The same inside the caller's transaction, where the store has transactions of others. */
  enqueueIn?(transaction: unknown, batch: Enqueue): Promise<boolean>
  /** Up to `limit` runs that are ready at `now`, or whose lease has ended, in the order of their rank. */
  claim(owner: string, now: number, leaseMs: number, limit: number): Promise<ClaimedRun[]>
  write(change: RunChange): Promise<WriteResult>
  /**
   * Both in one, for a worker whose run is over and that has room for the next. What it may leave to `claim` are the runs
   * whose lease has ended.
   */
  writeAndClaim(change: RunChange, next: NextClaim): Promise<{ result: WriteResult; claimed: ClaimedRun[] }>
  /** Extends the leases of these runs and returns the ids of those that the owner still has. */
  renew(owner: string, ids: readonly string[], until: number): Promise<string[]>
  owners(): Promise<string[]>
  /** Makes ready what an owner has, but for the runs `held`; returns how many. */
  release(owner: string, now: number, held?: readonly string[]): Promise<number>
  /** Rejects where runs could not be stored now. Default: `nextDue` answers. */
  health?(): Promise<void>
  /** When the next run is due (may be past), or `undefined` when none is. */
  nextDue(): Promise<number | undefined>
  /** False when the run has ended already or does not exist. */
  cancel(id: string, now: number): Promise<boolean>
  /** Stops or allows claiming runs of a job; `*` is all. */
  pause(job: string, paused: boolean): Promise<void>
  get(id: string): Promise<{ readonly run: RunRecord; readonly steps: readonly StepRecord[] } | undefined>
  /** The latest first. Runs of an event are those of `isRunOf` and those whose events it was, as they were enqueued or amended. */
  list(query: RunQuery): Promise<RunRecord[]>
  depth(): Promise<Depth[]>
  /** Deletes what the policy does not keep; returns how many runs. */
  prune(policy: PrunePolicy): Promise<number>
  close(): Promise<void>
}

/**
 * Whether a run was started by an event, or is a replay of one that was: the id says so, as `runFor` and `replay` make it.
 * An event may have any id, `a.job~b` too, whose run begins as a replay of `a` would. But what `replay` appends has no
 * full stop, no job's id has one, and what is invoked has a slash behind its last: so the last one ends the event's id.
 */
export function isRunOf({ id, job }: Pick<RunRecord, 'id' | 'job'>, eventId: string): boolean {
  const own = `${eventId}.${job}`
  return id.startsWith(own) && /^(?:~[^./]*)?$/.test(id.slice(own.length))
}

/** Whether the id of a new run does not say all of its events: that of a batch, or of a replay of what collected some. */
export function isGathered({ events, replayOf }: Pick<NewRun, 'events' | 'replayOf'>): boolean {
  return events.length > 1 || (replayOf !== undefined && events[0]?.name !== INVOKED)
}

/** The id of a run that a step invokes. It is nobody's event's, whatever the step is called. */
export function invokedId(runId: string, key: string): string {
  return `${runId}/${key.replace(/[%.]/g, encode)}`
}

const encode = (sign: string): string => (sign === '.' ? '%2E' : '%25')

/** `wakeAt` of what only an event can wake: the latest time that a Date can hold. */
export const NEVER = 8_640_000_000_000_000

export function toRunInfo(run: RunRecord, steps?: readonly StepRecord[]): RunInfo {
  const { id, job, events, status, attempt, createdAt, startedAt, endedAt, result, error, failure, replayOf } = run
  const event = events[0] as JobEvent
  // Of a run that goes on: what it recovers from.
  const lastError =
    endedAt === undefined ? steps?.toSorted((a, b) => b.seq - a.seq).find((step) => step.error)?.error : undefined
  return {
    id,
    job,
    event,
    ...(events.length > 1 && { events }),
    status,
    attempt,
    createdAt,
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    ...(result !== undefined && { result }),
    ...((error ?? failure ?? lastError) && { error: (error ?? failure ?? lastError) as Failure }),
    ...(replayOf !== undefined && { replayOf }),
    ...(steps && {
      steps: steps.toSorted((a, b) => a.seq - b.seq).map(({ seq: _seq, key, ...step }) => ({ id: key, ...step })),
    }),
  }
}
