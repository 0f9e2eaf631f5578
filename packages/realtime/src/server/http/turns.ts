import type { FeedKeeping } from '../../feed/keeping.ts'
import type { Ask } from '../../feed/reading/queries.ts'
import type { FeedSource } from '../../feed/source.ts'

/** So many statements of all streams run at a time: after a gap all of them read, and what is asked at once is late for all. */
const AT_ONCE = 8
const OVER = new Error('[msc/realtime] Nobody waits for this any more.')

/**
 * The reads of all plain streams. A turn spans a statement alone: what has to happen before a topic's rows are told takes seconds
 * where it hangs, and no other topic waits for that.
 */
export interface Turns {
  /**
   * Reads, each statement in its turn.
   *
   * @returns `undefined` where `isWanted` says no when the turn has come: then nothing is asked.
   */
  read<T>(isWanted: () => boolean, read: (ask: Ask) => Promise<T>): Promise<T | undefined>
  /** For a history, which says nothing of its readers: what a read asks for before it waits for anything has the read's turn. */
  over(feeds: FeedSource): FeedSource
}

export function createTurns(): Turns {
  let asking = 0
  const waiting: (() => void)[] = []
  /** Of the read that is being begun. */
  let begun: Ask | undefined

  const inTurn = async <T>(isWanted: () => boolean, statement: () => Promise<T>): Promise<T> => {
    if (asking >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else asking += 1
    try {
      if (!isWanted()) throw OVER
      return await statement()
    } finally {
      // The next one takes its place.
      const next = waiting.shift()
      if (next) next()
      else asking -= 1
    }
  }
  const begin = <T>(ask: Ask, read: (ask: Ask) => Promise<T>): Promise<T> => {
    begun = ask
    try {
      return read(ask)
    } finally {
      begun = undefined
    }
  }
  return {
    async read(isWanted, read) {
      if (!isWanted()) return undefined
      try {
        return await begin((statement) => inTurn(isWanted, statement), read)
      } catch (error) {
        if (error === OVER) return undefined
        throw error
      }
    },
    over(feeds) {
      const { keeping } = feeds
      if (!keeping) return feeds
      const inTurns: FeedKeeping = {
        append: (messages) => keeping.append(messages),
        keptSince: (topic, isPrivate, after, max) => keeping.keptSince(topic, isPrivate, after, max, begun),
        latest: (topic, isPrivate, wish) => keeping.latest(topic, isPrivate, wish, begun),
        find: (topic, isPrivate, id, sinceMs) => keeping.find(topic, isPrivate, id, sinceMs),
        act: (action, sinceMs) => keeping.act(action, sinceMs),
      }
      return { ...feeds, keeping: inTurns }
    },
  }
}
