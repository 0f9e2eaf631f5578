/**
 * - `ready`: the last round trip worked.
 * - `degraded`: answers, but slowly, through a fallback, or that it wants to be asked later.
 * - `down`: does not answer; the concern works as its documentation says it does without a backend.
 * - `not-configured`: no backend was chosen.
 */
export type Status = 'ready' | 'degraded' | 'down' | 'not-configured'

/** What one concern says about its backend. */
export interface Health {
  readonly concern: string
  readonly driver: string
  readonly status: Status
  /** Milliseconds of the round trip that found this out; absent where none was made. */
  readonly latencyMs?: number
  /** When that was: wall time, milliseconds since the epoch. */
  readonly checkedAt?: number
  /** One sentence for an operator; never holds a secret. */
  readonly detail?: string
  /** What to do about it, in one sentence. */
  readonly hint?: string
  /** The stable code of the error behind `detail`, where it has one: `DRIVER_UNAUTHORIZED`, `PEER_MISSING`. */
  readonly code?: string
  /** The last failure that nobody awaited, whatever the round trip says now. */
  readonly lastError?: LastError
  /** Numbers worth showing beside the status: hit rate, queue depth, drops. */
  readonly stats?: Readonly<Record<string, number>>
}

export interface LastError {
  /** Wall time, milliseconds since the epoch. */
  readonly at: number
  readonly operation: string
  /** Redacted. */
  readonly message: string
  readonly code?: string
}

/** The worst of several statuses; `not-configured` counts as ready, since the concern chose it. */
export function worstStatus(statuses: Iterable<Status>): Status {
  let worst: Status = 'ready'
  for (const status of statuses) {
    if (status === 'down') return 'down'
    if (status === 'degraded') worst = 'degraded'
  }
  return worst
}
