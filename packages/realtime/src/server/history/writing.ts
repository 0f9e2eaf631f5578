import type { Room } from '../rooms/presence.ts'
import type { Rooms } from '../rooms/rooms.ts'

/** What is being written, by room. */
export interface Writing {
  /** Counts as being written to each of these rooms until it is settled. */
  add(to: readonly Room[], written: Promise<unknown>): void
  /** Runs once all is settled that is being written to the room now: at once, where nothing is. In the order of the calls for one room. */
  after(room: Room, run: () => void): void
}

export function createWriting(rooms: Pick<Rooms, 'keyOf'>): Writing {
  const writing = new Map<string, Set<Promise<unknown>>>()
  /** Ends when the last that waits in a room has run. */
  const order = new Map<string, Promise<void>>()
  return {
    add(to, written) {
      const keys = new Set(to.map(({ topic, private: isPrivate }) => rooms.keyOf(topic, isPrivate)))
      for (const key of keys) writing.set(key, (writing.get(key) ?? new Set()).add(written))
      const forget = (): void => {
        for (const key of keys) {
          const own = writing.get(key)
          own?.delete(written)
          if (own?.size === 0) writing.delete(key)
        }
      }
      written.then(forget, forget)
    },
    after({ topic, private: isPrivate }, run) {
      const key = rooms.keyOf(topic, isPrivate)
      const [before, own] = [order.get(key), writing.get(key)]
      if (!before && !own) return run()
      const last = Promise.all([before, Promise.allSettled(own ?? [])]).then(() => {
        if (order.get(key) === last) order.delete(key)
        run()
      })
      order.set(key, last)
    },
  }
}
