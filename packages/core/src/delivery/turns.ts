// A request holds the process until it is answered. Two backends that are silent would hold one that has come to its end in
// turn: while the one is waited for, the other's retry is due, whose timer alone would hold nothing.
import type { Clock } from '../clock.ts'
import type { Flight } from './flight.ts'

interface UnderWay {
  readonly flight: Pick<Flight<unknown>, 'landed'>
  /** To a backend that has failed, and for nobody in particular. */
  readonly isRetry: boolean
}

const flights = new WeakMap<Clock, Set<UnderWay>>()

function underWay(clock: Clock): Set<UnderWay> {
  const known = flights.get(clock) ?? new Set()
  flights.set(clock, known)
  for (const each of known) if (each.flight.landed) known.delete(each)
  return known
}

export function begins(clock: Clock, flight: UnderWay['flight'], isRetry: boolean): void {
  underWay(clock).add({ flight, isRetry })
}

/** How often a retry looks whether those that it waits for have landed, and how long it waits after that. */
export const TURN_MS = 250

/** What a retry waits for; nothing, once all have landed, so that the process can end before it begins. */
export type Turn = readonly UnderWay[]

/**
 * Must a retry that nobody waits for wait itself? For what was under way when it became due, and then for retries alone, or a
 * busy outbox would keep it for ever.
 *
 * @param before What it waited for the last time that it asked.
 * @returns `undefined` when it is its turn.
 */
export function waitsFor(clock: Clock, before: Turn | undefined): Turn | undefined {
  if (before && before.length > 0) return before.filter(({ flight }) => !flight.landed)
  const others = [...underWay(clock)].filter(({ isRetry }) => isRetry || before === undefined)
  return others.length > 0 ? others : undefined
}
