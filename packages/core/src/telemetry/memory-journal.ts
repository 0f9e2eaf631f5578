import { assertNumbers } from '../contract/options/assert-numbers.ts'
import { notify } from '../context/context.ts'
import { reportFailure, runGuarded } from '../errors/failures.ts'
import { sortableId } from '../ids.ts'
import { processSlot } from '../slot.ts'
import { createRooms } from './journal-rooms.ts'
import type { Journal, JournalRecord } from './journal.ts'

export interface MemoryJournalOptions {
  /** The number of records to keep of each kind and source; the oldest are dropped first. Default 2 000. */
  readonly capacity?: number
  /**
   * The memory that the records of one source may take, in bytes, all kinds together; estimated. The kind that takes the
   * most loses its oldest first. Default 16 MiB. The process's own records are limited by their number only.
   */
  readonly maxSourceBytes?: number
  readonly now?: () => number
  /** Records of an earlier process, the oldest first. */
  readonly initial?: readonly JournalRecord[]
}

interface Subscription {
  readonly listener: (record: JournalRecord) => void
  failed: boolean
}

/**
 * Makes a journal in memory, for use until devtools supplies one that outlives the process. The records of each kind and
 * source have a limited room of their own, so that thousands of spans and events never push an error out, and nothing
 * that was received from a browser pushes out what the process itself recorded.
 *
 * @throws ConfigError `OPTION_INVALID` for a limit that leaves room for nothing.
 */
export function createMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  assertNumbers('core', options, { capacity: 1, maxSourceBytes: 1 })
  const { capacity = 2000, maxSourceBytes = 16 * 1024 * 1024, now = Date.now } = options
  const rooms = createRooms({ capacity, maxSourceBytes })
  const subscriptions = new Set<Subscription>()
  let dropped = 0
  for (const record of options.initial ?? []) rooms.keep(record)

  return {
    get dropped() {
      return dropped
    },
    append(entry) {
      const source = rooms.nameOf(entry.source)
      const record: JournalRecord = {
        ...entry,
        ...(source !== undefined && { source }),
        id: sortableId(now()),
        ts: entry.ts ?? now(),
      }
      dropped += rooms.keep(record)
      notifyAll(subscriptions, record)
      return record
    },
    query: (query = {}) => rooms.newest(query, query.limit ?? 100),
    subscribe(listener) {
      const subscription = { listener, failed: false }
      subscriptions.add(subscription)
      return () => subscriptions.delete(subscription)
    },
    async close() {
      subscriptions.clear()
    },
  }
}

function notifyAll(subscriptions: Iterable<Subscription>, record: JournalRecord): void {
  for (const subscription of subscriptions) {
    // A listener that fails must not fail the caller of `append`.
    runGuarded(
      () => notify(subscription, () => subscription.listener(record)),
      (error) => {
        // Reported once, because the report may be written to the journal, and the listener would fail again.
        if (!subscription.failed) reportFailure(error, { concern: 'core', operation: 'journal listener' })
        subscription.failed = true
      },
    )
  }
}

const slot = (): { journal?: Journal | undefined } => processSlot('core/journal', () => ({}))

/** Returns this process's journal, which is in memory until `setJournal` is called. */
export function getJournal(): Journal {
  return (slot().journal ??= createMemoryJournal())
}

/** Sets this process's journal; `undefined` makes the next `getJournal` create a new one in memory. */
export function setJournal(journal: Journal | undefined): void {
  slot().journal = journal
}
