import type { Clock } from '@msc/core'
import { isPooled, listen } from '@msc/core/postgres'
import type { Database } from '../database/database.ts'
import { CHANNEL } from './schema.ts'

/** Hears of new entries. Nothing depends on it but how soon they are delivered. */
export interface Hearing {
  /** False while, or where, nothing is heard: the table has to be looked at more often. */
  readonly isHearing: boolean
  /** Begins to listen, unless it does already or can't. Call it from time to time. Never rejects. */
  attend(): Promise<void>
  stop(): Promise<void>
}

export interface HearingContext {
  readonly database: Database
  readonly clock: Clock
  readonly wake: () => void
  readonly onFailure: (error: unknown) => void
}

export function createHearing({ database, clock, wake, onFailure }: HearingContext): Hearing {
  let state: 'deaf' | 'begins' | 'hears' | 'never hears' | 'stopped' = 'deaf'
  let stopListening: (() => Promise<void>) | undefined
  return {
    get isHearing() {
      return state === 'hears'
    },
    async attend() {
      if (state !== 'deaf') return
      state = 'begins'
      try {
        const stop = await listen(await database.client(), CHANNEL, {
          name: '[msc/outbox]',
          onNotice: wake,
          onListening: wake,
          clock,
        })
        if ((state as string) === 'stopped') return await stop()
        stopListening = stop
        state = 'hears'
      } catch (error) {
        if ((state as string) === 'stopped') return
        // Behind a transaction pooler, another attempt would fail too.
        state = isPooled(error) ? 'never hears' : 'deaf'
        onFailure(error)
      }
    },
    async stop() {
      state = 'stopped'
      await stopListening?.()
    },
  }
}
