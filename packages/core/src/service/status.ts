/**
 * - `ready`: the last round trip worked.
 * - `degraded`: the backend answers, but slowly, through a fallback, or with a rate limit.
 * - `down`: the backend does not answer. The concern works as documented for that case.
 * - `not-configured`: no backend was chosen.
 */
export type Status = 'ready' | 'degraded' | 'down' | 'not-configured'

/** The health of one concern's backend. */
export interface Health {
  readonly concern: string
  readonly driver: string
  readonly status: Status
  /** Milliseconds that the round trip took; absent if none was made. */
  readonly latencyMs?: number
  /** The time of the check: wall time, milliseconds since the epoch. */
  readonly checkedAt?: number
  /** A sentence or two for an operator, without secrets. */
  readonly detail?: string
  /** Says in one sentence what to do about it. */
  readonly hint?: string
  /** The stable code of the error behind `detail`, if it has one: `DRIVER_UNAUTHORIZED`, `PEER_MISSING`. */
  readonly code?: string
  /** The last failure that nobody awaited, regardless of this round trip's result. */
  readonly lastError?: LastError
  /** Numbers worth showing with the status: hit rate, queue depth, drops. */
  readonly stats?: Readonly<Record<string, number>>
}

export interface LastError {
  /** Wall time, milliseconds since the epoch. */
  readonly at: number
  readonly operation: string
  /** The error's message, redacted. */
  readonly message: string
  readonly code?: string
}

/** Returns the worst of several statuses. `not-configured` counts as ready, because it was chosen. */
export function worstStatus(statuses: Iterable<Status>): Status {
  let worst: Status = 'ready'
  for (const status of statuses) {
    if (status === 'down') return 'down'
    if (status === 'degraded') worst = 'degraded'
  }
  return worst
}
