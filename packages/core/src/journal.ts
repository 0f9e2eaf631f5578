import { sortableId } from './ids.ts'
import { processSlot } from './slot.ts'

export type JournalKind = 'error' | 'message' | 'breadcrumb' | 'event' | 'span' | 'run' | 'step' | 'drop' | 'exposure'

/** One line of the record that the embedded drivers write and the console reads. Redacted before it gets here. */
export interface JournalRecord {
  /** Sorts by time: see `sortableId`. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly ts: number
  readonly kind: JournalKind
  /** What happened, in a few words: an error's message, an event's name. */
  readonly name: string
  readonly traceId?: string
  readonly userId?: string
  /** Groups records that are one issue. */
  readonly fingerprint?: string
  readonly release?: string
  readonly payload: Readonly<Record<string, unknown>>
}

export type JournalEntry = Omit<JournalRecord, 'id' | 'ts'> & { readonly ts?: number }

export interface JournalQuery {
  readonly kinds?: readonly JournalKind[]
  readonly traceId?: string
  readonly fingerprint?: string
  readonly userId?: string
  /** Only records whose id sorts after this one. */
  readonly after?: string
  /** At most this many, the newest. Default 100. */
  readonly limit?: number
}

/** Append-only. `append` is synchronous and never throws: a caller is often already handling an error. */
export interface Journal {
  append(entry: JournalEntry): JournalRecord
  /** Newest first. */
  query(query?: JournalQuery): JournalRecord[]
  subscribe(listener: (record: JournalRecord) => void): () => void
  /** Records that the bound pushed out, or that could not be written. */
  readonly dropped: number
  close(): Promise<void>
}

export interface MemoryJournalOptions {
  /** Records kept; the oldest goes first. Default 2 000. */
  readonly capacity?: number
  readonly now?: () => number
  /** Records of an earlier life, oldest first. */
  readonly initial?: readonly JournalRecord[]
}

/** A bounded ring: what there is until devtools supplies a journal that outlives the process. */
export function createMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  const { capacity = 2000, now = Date.now } = options
  const ring: JournalRecord[] = (options.initial ?? []).slice(-capacity)
  const subscribers = new Set<(record: JournalRecord) => void>()
  let next = ring.length % capacity
  let dropped = 0
  return {
    get dropped() {
      return dropped
    },
    append(entry) {
      const ts = entry.ts ?? now()
      const record: JournalRecord = { ...entry, id: sortableId(now()), ts }
      if (ring.length === capacity) dropped += 1
      ring[next] = record
      next = (next + 1) % capacity
      notify(subscribers, record)
      return record
    },
    query(query = {}) {
      const found: JournalRecord[] = []
      const limit = query.limit ?? 100
      for (let i = 1; i <= ring.length && found.length < limit; i++) {
        const record = ring[(next - i + capacity) % capacity]
        if (record && matches(record, query)) found.push(record)
      }
      return found
    },
    subscribe(listener) {
      subscribers.add(listener)
      return () => subscribers.delete(listener)
    },
    async close() {
      subscribers.clear()
    },
  }
}

/** Does `record` satisfy `query` (its `limit` aside)? */
export function matches(record: JournalRecord, query: JournalQuery): boolean {
  return (
    (query.kinds === undefined || query.kinds.includes(record.kind)) &&
    (query.traceId === undefined || record.traceId === query.traceId) &&
    (query.fingerprint === undefined || record.fingerprint === query.fingerprint) &&
    (query.userId === undefined || record.userId === query.userId) &&
    (query.after === undefined || record.id > query.after)
  )
}

function notify(subscribers: Iterable<(record: JournalRecord) => void>, record: JournalRecord): void {
  for (const subscriber of subscribers) {
    try {
      subscriber(record)
    } catch {
      // A console that fails to draw must not fail whoever writes.
    }
  }
}

const slot = (): { journal?: Journal | undefined } => processSlot('core/journal', () => ({}))

/** This process's journal; a memory ring until `setJournal` was called. */
export function getJournal(): Journal {
  return (slot().journal ??= createMemoryJournal())
}

export function setJournal(journal: Journal | undefined): void {
  slot().journal = journal
}
