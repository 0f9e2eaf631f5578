import type { Clock } from '@msc/core'
import type { ClaimedEntry, Held } from './store.ts'

/** An entry that this process is delivering. */
export interface Flight extends Held {
  readonly entry: ClaimedEntry
  /** Aborts the delivery. */
  readonly controller: AbortController
  /** Monotonic milliseconds of this process: the lease has run since then at the latest. */
  renewedAt: number
  /** Another process may have the entry by now: its outcome is not this one's to store. */
  isLost: boolean
}

/** The deliveries that are under way, and the room for more. */
export interface Flights {
  readonly all: ReadonlySet<Flight>
  add(flight: Flight): void
  delete(flight: Flight): void
  /** Returns how many entries of each kind there is room for; kinds without any are left out. */
  places(): ReadonlyMap<string, number>
  /**
   * Counts a delivery that goes on although its time is up, until it settles. A kind that has ten times its places of them gets
   * no others: each keeps its payload in memory.
   */
  abandon(kind: string, sending: Promise<unknown>): void
  /** Resolves when one of them ends, or after `waitMs` milliseconds. */
  oneEnds(clock: Clock, waitMs: number): Promise<void>
}

/** How many times its places a kind may have of deliveries that never end. */
const ABANDONED = 10

/**
 * Bounds what is under way: by `perKind` for each kind, so that none can hold up another, and by `most` for all. Where `most`
 * is reached, kinds take turns.
 */
export function createFlights(kinds: readonly string[], perKind: number, most: number): Flights {
  const all = new Set<Flight>()
  const counts = new Map(kinds.map((kind) => [kind, 0]))
  const abandoned = new Map<string, number>()
  const watching = new Set<() => void>()
  let turn = 0
  const change = ({ entry }: Flight, by: number): void => {
    counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + by)
  }
  return {
    all,
    add(flight) {
      all.add(flight)
      change(flight, 1)
    },
    delete(flight) {
      if (all.delete(flight)) change(flight, -1)
      for (const tell of watching) tell()
    },
    places() {
      const places = new Map<string, number>()
      let left = most - all.size
      turn = (turn + 1) % kinds.length
      for (const kind of [...kinds.slice(turn), ...kinds.slice(0, turn)]) {
        const room = (abandoned.get(kind) ?? 0) < ABANDONED * perKind ? perKind - (counts.get(kind) ?? 0) : 0
        const count = Math.min(room, left)
        if (count <= 0) continue
        places.set(kind, count)
        left -= count
      }
      return places
    },
    abandon(kind, sending) {
      abandoned.set(kind, (abandoned.get(kind) ?? 0) + 1)
      const forget = (): void => void abandoned.set(kind, (abandoned.get(kind) ?? 1) - 1)
      sending.then(forget, forget)
    },
    oneEnds: (clock, waitMs) =>
      new Promise((resolve) => {
        const tell = (): void => {
          watching.delete(tell)
          cancel()
          resolve()
        }
        const cancel = clock.setTimeout(tell, Math.max(0, waitMs), { keepAlive: true })
        watching.add(tell)
      }),
  }
}
