import { runReported, type Clock } from '@msc/core'
import type { EndedSession } from './sessions.ts'

/**
 * The sessions that ended a moment ago, and who wants to know. A copy of a session lives for ten seconds at most, and a
 * question to the database for not much longer; an id is kept until none of them can still say that the session is live.
 */
export interface EndedSessions {
  /** Refuses the session from now on, and then tells everybody, once. */
  add(ended: EndedSession): void
  has(sessionId: string): boolean
  /** Returns a function that removes the listener. */
  onEnded(listener: (ended: EndedSession) => unknown): () => void
}

const KEEP_MS = 120_000
/** Some ten megabytes. */
const MOST = 100_000

/** @param onOverflow Called when an id had to be dropped too early. */
export function createEndedSessions(clock: Clock, onOverflow: () => void): EndedSessions {
  // A map keeps the order of insertion, so that the oldest come first.
  const times = new Map<string, number>()
  const listeners = new Set<(ended: EndedSession) => unknown>()
  const dropOld = (now: number): void => {
    for (const [oldest, at] of times) {
      if (now - at < KEEP_MS) return
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
