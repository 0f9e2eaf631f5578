import { runReported, type Clock } from '@msc/core'
import type { EndedSession } from './sessions.ts'

/**
 * The sessions that ended a moment ago, and who wants to know. An id is kept until no copy of the session and no question to
 * the database that began earlier can still say that it is live.
 */
export interface EndedSessions {
  /** Refuses the session from now on, and then tells everybody, once. */
  add(ended: EndedSession): void
  has(sessionId: string): boolean
  /** Returns a function that removes the listener. */
  onEnded(listener: (ended: EndedSession) => unknown): () => void
}

/** Some ten megabytes. */
const MOST = 100_000

/**
 * @param keepMs Milliseconds for which an id is kept.
 * @param onOverflow Called when one had to be dropped too early.
 */
export function createEndedSessions(clock: Clock, keepMs: number, onOverflow: () => void): EndedSessions {
  // A map keeps the order of insertion, so that the oldest come first.
  const times = new Map<string, number>()
  const listeners = new Set<(ended: EndedSession) => unknown>()
  const dropOld = (now: number): void => {
    for (const [oldest, at] of times) {
      if (now - at < keepMs) return
      times.delete(oldest)
    }
  }
  return {
    add({ sessionId, userId }) {
      const now = clock.monotonic()
      dropOld(now)
      if (times.has(sessionId)) return
      times.set(sessionId, now)
      if (times.size > MOST) {
        times.delete(times.keys().next().value as string)
        onOverflow()
      }
      // What one of them throws or rejects with reaches neither the others nor whoever ended the session.
      for (const listener of Array.from(listeners)) {
        runReported(() => listener({ sessionId, userId }), { concern: 'sessions', operation: 'onEnded' })
      }
    },
    has: (sessionId) => times.has(sessionId),
    onEnded(added) {
      // A wrapper, so that one function can be added twice.
      const listener = (ended: EndedSession): unknown => added(ended)
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
