import { backoff, sleep, type Clock } from '@msc/core'
import type { Flight } from './flights.ts'
import type { OutboxStore } from './store.ts'
import type { Outcome } from './verdict.ts'

/** Stores the outcomes of deliveries, several at a time. */
export interface Settler {
  /**
   * Resolves when the outcome is stored, or can't be any more: its lease has ended while the database was away. The entry is
   * then delivered again. Never rejects.
   */
  settle(flight: Flight, outcome: Outcome): Promise<void>
  /** Tries what is left once more, and then no longer waits for a database that is away. */
  hurry(): void
}

interface Waiting {
  readonly flight: Flight
  readonly outcome: Outcome
  readonly done: () => void
}

export interface SettlerContext {
  readonly store: OutboxStore
  readonly clock: Clock
  readonly leaseMs: number
  readonly onFailure: (error: unknown) => void
  readonly onSuccess: () => void
}

/** Outcomes in one statement. */
const BATCH = 200

export function createSettler({ store, clock, leaseMs, onFailure, onSuccess }: SettlerContext): Settler {
  const waiting: Waiting[] = []
  const hurrying = new AbortController()
  let isWriting = false
  const isOver = ({ flight }: Waiting): boolean => clock.monotonic() - flight.renewedAt > leaseMs
  const write = async (): Promise<void> => {
    let failures = 0
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH)
      try {
        await store.settle(batch.map(({ flight: { id, owner }, outcome }) => ({ id, owner, outcome })))
        failures = 0
        onSuccess()
        for (const { done } of batch) done()
      } catch (error) {
        onFailure(error)
        const kept = hurrying.signal.aborted && failures > 0 ? [] : batch.filter((each) => !isOver(each))
        waiting.unshift(...kept)
        for (const each of batch) if (!kept.includes(each)) each.done()
        // An abort only ends the wait early.
        const wait = backoff(failures, { baseMs: 200, maxMs: 5000 })
        failures += 1
        await sleep(hurrying.signal.aborted ? 50 : wait, {
          clock,
          ...(!hurrying.signal.aborted && { signal: hurrying.signal }),
        }).catch(() => undefined)
      }
    }
  }
  const begin = (): void => {
    if (isWriting) return
    isWriting = true
    void write().finally(() => {
      isWriting = false
    })
  }
  return {
    settle: (flight, outcome) =>
      new Promise((resolve) => {
        waiting.push({ flight, outcome, done: resolve })
        begin()
      }),
    hurry: () => hurrying.abort(),
  }
}
