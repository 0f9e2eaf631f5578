import { backoff } from '../../time/backoff.ts'

/** How the outbox goes on with this backend, as data. */
export interface Pace {
  /** Failures in a row; the exponent of the backoff. */
  readonly failures: number
  /** Refusals in a row since anything was delivered. */
  readonly refusals: number
  /** How often in a row each kind was limited. */
  readonly limited: Readonly<Record<string, number>>
  /** Items that the next batch may have. */
  readonly size: number
  /** Items delivered so far. */
  readonly delivered: number
  /** The number of the last part that a refused batch was cut into. */
  readonly parts: number
  /** The refusal of the backend has been reported, and nothing was delivered since. */
  readonly refusalReported: boolean
  /** What failed last was reported, and nothing was delivered since; `undefined` when nothing was. */
  readonly outageReported: string | undefined
  /** A receipt that could not be read has been reported. */
  readonly malformedReported: boolean
}

const BASE_MS = 500
const MAX_MS = 30_000
/** Full jitter may choose nothing, which is no wait at all. */
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

/** Milliseconds to wait after `failures` failures in a row, with full jitter. */
export function waitAfter(failures: number, random: () => number): number {
  return Math.max(SHORTEST_MS, backoff(failures - 1, { baseMs: BASE_MS, maxMs: MAX_MS, random }))
}
