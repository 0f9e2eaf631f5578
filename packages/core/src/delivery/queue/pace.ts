import { backoff } from '../../time/backoff.ts'

/** The state from which the outbox decides its next delivery to this backend. */
export interface Pace {
  /** Failures in a row; the exponent of the backoff. */
  readonly failures: number
  /** Refusals in a row since anything was delivered. */
  readonly refusals: number
  /** The number of times in a row that each kind was limited. */
  readonly limited: Readonly<Record<string, number>>
  /** The number of items that the next batch may have. */
  readonly size: number
  /** The number of items delivered so far. */
  readonly delivered: number
  /** The number of the last part that a refused batch was split into. */
  readonly parts: number
  /** True if the backend's refusal has been reported and nothing was delivered since. */
  readonly refusalReported: boolean
  /** The type of the last outage that was reported, if nothing was delivered since. */
  readonly outageReported: string | undefined
  /** True if a malformed receipt has been reported. */
  readonly malformedReported: boolean
}

const BASE_MS = 500
const MAX_MS = 30_000
/** The shortest wait in milliseconds, because full jitter may choose 0. */
const SHORTEST_MS = 20

export function firstPace(maxItems: number): Pace {
  return {
    failures: 0,
    refusals: 0,
    limited: {},
    size: maxItems,
    delivered: 0,
    parts: 0,
    refusalReported: false,
    outageReported: undefined,
    malformedReported: false,
  }
}

/** Returns the milliseconds to wait after `failures` failures in a row, with full jitter. */
export function waitAfter(failures: number, random: () => number): number {
  return Math.max(SHORTEST_MS, backoff(failures - 1, { baseMs: BASE_MS, maxMs: MAX_MS, random }))
}
