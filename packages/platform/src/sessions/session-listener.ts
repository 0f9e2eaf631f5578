import { every, readField, withoutScope, type Clock } from '@msc/core'
import { listen } from '@msc/core/postgres'
import type { Database } from '../database/database.ts'
import { deleteOldAddresses, deleteOldFailures } from './failed-sign-ins.ts'
import { deleteExpired, endedSince, type MissedSince } from './session-rows.ts'
import type { EndedSession } from './sessions.ts'
import type { SessionHorizon } from './session-horizon.ts'
import { SESSIONS_CHANNEL } from './sessions-migration.ts'

export interface SessionListenerOptions {
  readonly database: Database
  readonly horizon: SessionHorizon
  readonly clock: Clock
  readonly timeoutMs: number
  /** Called with each session that has ended, also more than once. */
  onEnded(ended: EndedSession): void
  report(error: unknown, operation: string): void
}

/** Hears of what other processes and the database end, and removes what has expired. */
export interface SessionListener {
  /** Begins, if it has not begun; resolves after the first attempt. Never rejects. */
  open(): Promise<void>
  close(): Promise<void>
}

/** Milliseconds between two attempts to get a client, where the database could not give one. */
const AGAIN_MS = 30_000
/** Milliseconds between two rounds of removing. */
const PRUNE_MS = 60_000
const BATCH = 1000
/** Batches in one round: what is left waits for the next, so that nothing else does. */
const MOST_BATCHES = 20
/** Milliseconds by which a transaction may be committed later than it began. */
const LATE_MS = 60_000
/** Of sessions that ended meanwhile, how many are asked for at a time. */
const MISSED_BATCH = 1000

export function createSessionListener(options: SessionListenerOptions): SessionListener {
  const { database, horizon, clock, timeoutMs, onEnded, report } = options
  let opening: Promise<void> | undefined
  let stop: (() => Promise<void>) | undefined
  let stopPruning: (() => void) | undefined
  let failedAt: number | undefined
  let closed = false
  /** From when on something may have been missed. */
  let missed: { readonly at: number; readonly databaseTime: number | undefined } | undefined
  const miss = (): void => {
    missed ??= { at: clock.monotonic(), databaseTime: horizon.now() }
  }

  const catchUp = async (): Promise<void> => {
    const from = missed
    if (!from || !horizon.listening) return
    const { generation } = horizon
    const since = (): MissedSince => ({
      agoMs: clock.monotonic() - from.at + LATE_MS,
      ...(from.databaseTime !== undefined && { at: from.databaseTime - LATE_MS }),
    })
    let after: string | undefined
    do {
      const batch = await database.asService((tx) => endedSince(tx, since(), after, MISSED_BATCH), { timeoutMs })
      for (const ended of batch) onEnded(ended)
      after = closed || batch.length < MISSED_BATCH ? undefined : batch.at(-1)?.sessionId
    } while (after !== undefined)
    // What is missed after this was asked for is asked for again.
    if (horizon.generation === generation) missed = undefined
  }
  const inBackground = (operation: string, work: () => Promise<void>): void =>
    void work().catch((error: unknown) => closed || report(error, operation))

  const prune = async (): Promise<void> => {
    for (const deleteSome of [deleteExpired, deleteOldFailures, deleteOldAddresses]) {
      for (let batch = 0; batch < MOST_BATCHES; batch++) {
        if (closed || (await database.asService((tx) => deleteSome(tx, BATCH), { timeoutMs })) < BATCH) break
      }
    }
  }
  const lose = (error: Error): void => {
    // Each failed attempt to reconnect says so too.
    if (horizon.listening) report(error, 'listen')
    miss()
    horizon.lost()
  }
  const attend = async (): Promise<void> => {
    try {
      const stopping = await listen(await database.client(), SESSIONS_CHANNEL, {
        name: '[msc/sessions]',
        clock,
        onNotice: (payload) => {
          const ended = endedIn(payload)
          if (ended) onEnded(ended)
          // All at once, or something that only a newer version understands.
          else horizon.forget()
        },
        onListening: () => {
          // A connection that ended without an error is lost only now.
          if (horizon.listening) miss()
          horizon.heard()
          inBackground('catchUp', catchUp)
        },
        onError: lose,
      })
      if (closed) await stopping()
      else stop = stopping
    } catch (error) {
      if (closed) return
      report(error, 'listen')
      failedAt = clock.monotonic()
      opening = undefined
    }
  }

  return {
    open() {
      if (closed || (failedAt !== undefined && clock.monotonic() - failedAt < AGAIN_MS)) return Promise.resolve()
      stopPruning ??= every(
        PRUNE_MS,
        () => {
          inBackground('prune', prune)
          inBackground('catchUp', catchUp)
        },
        { clock, onError: (error) => report(error, 'prune') },
      )
      failedAt = undefined
      // What ends before the first answer is missed too.
      miss()
      // It goes on for longer than the request that asks first.
      return (opening ??= withoutScope(attend))
    },
    async close() {
      closed = true
      stopPruning?.()
      horizon.lost()
      await stop?.()
    },
  }
}

function endedIn(payload: string): EndedSession | undefined {
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch {
    return undefined
  }
  const sessionId = readField(value, 'session')
  const userId = readField(value, 'user')
  return typeof sessionId === 'string' && typeof userId === 'string' ? { sessionId, userId } : undefined
}
