/** A fill under way: one loader call that everybody who asked for the key shares. */
interface Flight<T> {
  readonly promise: Promise<T>
  /** False once an invalidation overtook the fill: what it loads is returned, and not kept. */
  keep: boolean
}

/** Single flight for one process, and the place where an invalidation meets the fills it must win over. */
export interface Flights {
  /** The flight for `key`, started by `start` where there is none. */
  join<T>(key: string, start: (flight: { readonly keep: boolean }) => Promise<T>): Promise<T>
  /** Marks the fills of matching keys; the next caller starts a new one. */
  invalidate(matches: (key: string) => boolean): void
  readonly size: number
}

export function createFlights(): Flights {
  const flights = new Map<string, Flight<unknown>>()
  return {
    join<T>(key: string, start: (flight: { readonly keep: boolean }) => Promise<T>): Promise<T> {
      const running = flights.get(key)
      if (running) return running.promise as Promise<T>
      const state = { keep: true }
      const promise = start(state).finally(() => {
        if (flights.get(key) === flight) flights.delete(key)
      })
      const flight: Flight<T> = Object.assign(state, { promise })
      flights.set(key, flight as Flight<unknown>)
      return promise
    },
    invalidate(matches) {
      for (const [key, flight] of flights) {
        if (!matches(key)) continue
        flight.keep = false
        // A caller that comes after the invalidation must not share a load that began before it.
        flights.delete(key)
      }
    },
    get size() {
      return flights.size
    },
  }
}
