import type { Shared } from './isolate.ts'

/** Work under way whose outcome an invalidation must win over: a fill, or a write. */
export interface Flight {
  /** False once an invalidation overtook it: what it brings is returned, and not kept. */
  readonly keep: boolean
}

type Start = (flight: Flight) => Promise<Shared | undefined>

/** Single flight for one process, and the place where an invalidation meets the work that it must win over. */
export interface Flights {
  /** What the flight for `key` will bring, for one more caller; `undefined` where there is none. */
  join(key: string): Promise<unknown> | undefined
  /** Starts the flight that others may join. */
  launch(key: string, tags: readonly string[], start: Start): Promise<unknown>
  /** Starts a refresh that nobody waits for, unless there is one for `key`; `undefined` when there is. Never rejects. */
  behind(key: string, tags: readonly string[], start: Start): Promise<void> | undefined
  /** Work on several keys that cannot be joined. */
  track<T>(keys: readonly string[], tags: readonly string[], work: (flight: Flight) => Promise<T>): Promise<T>
  /** Marks what matches; the next caller starts anew. */
  invalidate(matches: (key: string, tags: readonly string[]) => boolean): void
  /** Resolves when no refresh is under way. */
  idle(): Promise<void>
  /** Callers that found a flight to join. */
  readonly joined: number
}

interface Running {
  keep: boolean
  readonly keys: readonly string[]
  readonly tags: readonly string[]
}

interface Joinable extends Running {
  outcome: Promise<Shared | undefined> | undefined
}

interface Refresh extends Running {
  outcome: Promise<void> | undefined
}

/** @param deliver Makes what one caller is given of what all share. */
export function createFlights(deliver: (shared: Shared | undefined) => unknown): Flights {
  const flights = new Map<string, Joinable>()
  const hidden = new Map<string, Refresh>()
  const tracked = new Set<Running>()
  let joined = 0

  return {
    join(key) {
      if (flights.size === 0) return undefined
      const outcome = flights.get(key)?.outcome
      if (outcome === undefined) return undefined
      joined += 1
      // A promise for each caller, since each may have to get a value of its own.
      return outcome.then(deliver)
    },
    launch(key, tags, start) {
      const flight: Joinable = { keep: true, keys: [key], tags, outcome: undefined }
      // Before it starts: a loader may invalidate its own key.
      flights.set(key, flight)
      const over = (): void => {
        if (flights.get(key) === flight) flights.delete(key)
      }
      const outcome = (flight.outcome = start(flight))
      // The first reaction, so that whoever is called back by a later one finds the flight gone.
      return outcome.then(
        (shared) => {
          over()
          return deliver(shared)
        },
        (error: unknown) => {
          over()
          throw error
        },
      )
    },
    behind(key, tags, start) {
      if (hidden.has(key)) return undefined
      const flight: Refresh = { keep: true, keys: [key], tags, outcome: undefined }
      hidden.set(key, flight)
      const over = (): void => {
        if (hidden.get(key) === flight) hidden.delete(key)
      }
      return (flight.outcome = start(flight).then(over, over))
    },
    async track(keys, tags, work) {
      const flight: Running = { keep: true, keys, tags }
      tracked.add(flight)
      try {
        return await work(flight)
      } finally {
        tracked.delete(flight)
      }
    },
    invalidate(matches) {
      const mark = (flight: Running): boolean => {
        if (!flight.keys.some((key) => matches(key, flight.tags))) return false
        flight.keep = false
        return true
      }
      for (const flight of tracked) mark(flight)
      // A caller that comes after the invalidation must not share a load that began before it.
      for (const running of [flights, hidden]) {
        for (const [key, flight] of running) if (mark(flight)) running.delete(key)
      }
    },
    async idle() {
      await Promise.allSettled([...hidden.values()].map(({ outcome }) => outcome))
    },
    get joined() {
      return joined
    },
  }
}
