// A request keeps the process alive until it is answered. Retries to two backends that do not answer could alternate and
// keep a finished process alive forever: each retry would start while the other request is pending. A retry's timer alone
// does not keep the process alive, so a retry waits until the others have landed.
import type { Clock } from '../../time/clock.ts'
import type { Flight } from '../flight.ts'

type Landing = Pick<Flight<unknown>, 'landed'>

const flights = new WeakMap<Clock, Set<Landing>>()

function flightsOf(clock: Clock): Set<Landing> {
  const known = flights.get(clock) ?? new Set()
  flights.set(clock, known)
  for (const flight of known) if (flight.landed) known.delete(flight)
  return known
}

export function begins(clock: Clock, flight: Landing): void {
  flightsOf(clock).add(flight)
}

/** Milliseconds between a retry's checks whether the flights that it waits for have landed, and its wait after that. */
export const TURN_MS = 250

/** The flights that a retry waits for. Empty once all have landed: the retry then waits once more, so the process can end. */
export type Turn = readonly Landing[]

/**
 * Returns the flights that a retry must wait for before it starts. It applies to a backend that did not answer, outside a
 * flush or close. A retry waits only for flights that were pending when it became due, so no longer than one request may
 * take.
 *
 * @param before The result of the previous call for the same retry.
 * @returns `undefined` when the retry may start.
 */
export function waitsFor(clock: Clock, before: Turn | undefined): Turn | undefined {
  if (before?.length === 0) return undefined
  const left = (before ?? [...flightsOf(clock)]).filter(({ landed }) => !landed)
  return before || left.length > 0 ? left : undefined
}
