// A request holds the process until it is answered. Two backends that are silent would hold one that has come to its end in
// turn: while the one is waited for, the other's retry is due, whose timer alone would hold nothing.
import type { Clock } from '../../time/clock.ts'
import type { Flight } from '../flight.ts'

type UnderWay = Pick<Flight<unknown>, 'landed'>

const flights = new WeakMap<Clock, Set<UnderWay>>()

function underWay(clock: Clock): Set<UnderWay> {
  const known = flights.get(clock) ?? new Set()
  flights.set(clock, known)
  for (const flight of known) if (flight.landed) known.delete(flight)
  return known
}

export function begins(clock: Clock, flight: UnderWay): void {
  underWay(clock).add(flight)
}

/** How often a retry looks whether those that it waits for have landed, and how long it waits after that. */
export const TURN_MS = 250

/** What a retry waits for; nothing, once all have landed, so that the process can end before it begins. */
export type Turn = readonly UnderWay[]

/**
 * Must a retry to a silent backend, for which nobody waits, wait itself? Once, for what was under way when it became due: no
 * longer than one request may take.
 *
 * @param before What it waited for the last time that it asked.
 * @returns `undefined` when it is its turn.
 */
export function waitsFor(clock: Clock, before: Turn | undefined): Turn | undefined {
  if (before?.length === 0) return undefined
  const left = (before ?? [...underWay(clock)]).filter(({ landed }) => !landed)
  return before || left.length > 0 ? left : undefined
}
