/**
 * - `ready`: the last round trip worked.
 * - `degraded`: answers, but slowly, or through a fallback.
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
  /** One sentence for an operator; never holds a secret. */
  readonly detail?: string
  /** Numbers worth showing beside the status: hit rate, queue depth, drops. */
  readonly stats?: Readonly<Record<string, number>>
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
