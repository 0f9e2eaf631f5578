import type { Clock } from '@msc/core'
import type { SessionRow } from './session-rows.ts'

/** What was known when a question to the database began. */
interface Look {
  readonly generation: number
  readonly listening: boolean
  readonly at: number
}

/**
 * Decides what this process may believe without asking the database. While it listens, it hears of every session that ends.
 * So a copy of a session is as good as the database's answer if it was read after the listening began: what ended before
 * that was not read, and what has ended since was heard. Of everything else that rule is not needed: neither a lost
 * invalidation nor a cache that lags behind can bring an ended session back.
 *
 * Both ends of the comparison are times of the database, since the copy may be another process's. Both begin a transaction
 * before they read, so that the time is never later than what was seen.
 */
export interface SessionHorizon {
  readonly listening: boolean
  /** Changes whenever something may have been missed. */
  readonly generation: number
  /** The listening began. */
  heard(): void
  /** The listening ended. */
  lost(): void
  /** Something was missed: nothing that was read until now is believed. */
  forget(): void
  begin(): Look
  /** A question that began with `look` was answered in a transaction that began at `asOf`. */
  settle(look: Look, asOf: number): void
  /** True when a copy may be believed, and has not expired. */
  accepts(copy: Pick<SessionRow, 'asOf' | 'expiresAt'>): boolean
  /** True when some copy could be believed. */
  readonly trusts: boolean
  /** The time of the database, or a moment later; `undefined` before the first answer. */
  now(): number | undefined
}

/** Milliseconds that a copy may seem to be older or newer than it is: answers take time to arrive. */
const SLACK_MS = 1000

export function createSessionHorizon(clock: Clock, cacheMs: number): SessionHorizon {
  let listening = false
  let generation = 0
  /** Since when everything was heard, by the database's clock. */
  let since: number | undefined
  /** The database's clock less the monotonic one of this process. */
  let offset: number | undefined
  const forget = (): void => {
    generation += 1
    since = undefined
  }
  const now = (): number | undefined => (offset === undefined ? undefined : clock.monotonic() + offset)

  return {
    get listening() {
      return listening
    },
    get generation() {
      return generation
    },
    get trusts() {
      return listening && since !== undefined && cacheMs > 0
    },
    heard() {
      forget()
      listening = true
    },
    lost() {
      forget()
      listening = false
    },
    forget,
    begin: () => ({ generation, listening, at: clock.monotonic() }),
    settle(look, asOf) {
      // Measured from before the question, so that the time is rather too late than too early: sessions expire in time.
      offset = asOf - look.at
      if (look.listening && look.generation === generation) since ??= asOf
    },
    accepts({ asOf, expiresAt }) {
      const at = now()
      if (!listening || since === undefined || at === undefined) return false
      return asOf >= since && asOf <= at + SLACK_MS && asOf >= at - cacheMs - SLACK_MS && expiresAt > at
    },
    now,
  }
}
