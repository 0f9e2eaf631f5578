import { assertNumbers } from '../contract/assert-numbers.ts'
import { notify } from '../context/context.ts'
import { reportFailure, runGuarded } from '../errors/failures.ts'
import { sortableId } from '../ids.ts'
import { processSlot } from '../slot.ts'

/**
 * The kinds of records. The package that writes a kind declares it next to its operations, with
 * `declare module '@msc/core' { interface JournalKinds { … } }`.
 */
export interface JournalKinds {
  /** An item was lost before it could be delivered. */
  drop: true
}

export type JournalKind = keyof JournalKinds & string

/**
 * One record that an embedded driver writes and the console reads. It is redacted before it gets here. Readers must accept
 * any text as its kind, because another version may have written the file.
 */
export interface JournalRecord {
  /** An id that sorts by time: see `sortableId`. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly ts: number
  readonly kind: string
  /** A few words that say what happened: an error's message, an event's name. */
  readonly name: string
  readonly traceId?: string
  readonly userId?: string
  /** The same for all records of one issue. */
  readonly fingerprint?: string
  readonly release?: string
  readonly payload: Readonly<Record<string, unknown>>
}

export type JournalEntry = Omit<JournalRecord, 'id' | 'ts' | 'kind'> & {
  readonly ts?: number
  readonly kind: JournalKind
}

export interface JournalQuery {
  readonly kinds?: readonly string[]
  readonly traceId?: string
  readonly fingerprint?: string
  readonly userId?: string
  /** Only records whose id sorts after this one. */
  readonly after?: string
  /** The number of records to return at most, the newest first. Default 100. */
  readonly limit?: number
}

/** An append-only log. `append` is synchronous and never throws, since its caller is often already handling an error. */
export interface Journal {
  append(entry: JournalEntry): JournalRecord
  /** Returns matching records, the newest first. */
  query(query?: JournalQuery): JournalRecord[]
  /**
   * Calls `listener` with each new record, except with those that it appends itself. The first error that it throws or
   * rejects with is reported. Returns a function that ends the subscription.
   */
  subscribe(listener: (record: JournalRecord) => void): () => void
  /** Writes buffered records to storage at once. Absent if the journal has no storage. Never throws. */
  flushSync?(): void
  /** The number of records that were dropped at capacity or could not be written. */
  readonly dropped: number
  close(): Promise<void>
}

export interface MemoryJournalOptions {
  /** The number of records to keep of each kind; the oldest are dropped first. Default 2 000. */
  readonly capacity?: number
  readonly now?: () => number
  /** Records of an earlier process, the oldest first. */
  readonly initial?: readonly JournalRecord[]
}

/** The newest records of one kind. */
interface Ring {
  readonly records: JournalRecord[]
  /** The index for the next record. */
  next: number
}

interface Subscription {
  readonly listener: (record: JournalRecord) => void
  failed: boolean
}

/** The bound on rings. Kinds come from code, so there are few; a caller that invents more gets a shared ring. */
const MAX_KINDS = 50

/**
 * Makes a journal in memory, for use until devtools supplies one that outlives the process. Each kind has a bounded ring
 * of its own, so that thousands of spans and events never push an error out.
 */
export function createMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  assertNumbers('core', options, { capacity: 1 })
  const { capacity = 2000, now = Date.now } = options
  const rings = new Map<string, Ring>()
  const subscriptions = new Set<Subscription>()
  let dropped = 0

  const ringOf = (kind: string): Ring => {
    const name = rings.has(kind) || rings.size < MAX_KINDS ? kind : 'other'
    let ring = rings.get(name)
    if (!ring) rings.set(name, (ring = { records: [], next: 0 }))
    return ring
  }
  const keep = (record: JournalRecord): void => {
    const ring = ringOf(record.kind)
    if (ring.records.length === capacity) dropped += 1
    ring.records[ring.next] = record
    ring.next = (ring.next + 1) % capacity
  }
  for (const record of options.initial ?? []) keep(record)
  dropped = 0

  return {
    get dropped() {
      return dropped
    },
    append(entry) {
      const ts = entry.ts ?? now()
      const record: JournalRecord = { ...entry, id: sortableId(now()), ts }
      keep(record)
      notifyAll(subscriptions, record)
      return record
    },
    query(query = {}) {
      const limit = query.limit ?? 100
      const found = [...rings.values()].flatMap((ring) => newest(ring, query, limit))
      if (rings.size > 1) found.sort((a, b) => (a.id < b.id ? 1 : -1))
      return found.slice(0, limit)
    },
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

/** Returns up to `limit` matching records of a ring, the newest first. */
function newest({ records, next }: Ring, query: JournalQuery, limit: number): JournalRecord[] {
  const found: JournalRecord[] = []
  const { length } = records
  for (let back = 1; back <= length && found.length < limit; back++) {
    const record = records[(next - back + length) % length]
    if (record && matches(record, query)) found.push(record)
  }
  return found
}

/** Says whether `record` satisfies `query`, apart from its `limit`. */
export function matches(record: JournalRecord, query: JournalQuery): boolean {
  return (
    (query.kinds === undefined || query.kinds.includes(record.kind)) &&
    (query.traceId === undefined || record.traceId === query.traceId) &&
    (query.fingerprint === undefined || record.fingerprint === query.fingerprint) &&
    (query.userId === undefined || record.userId === query.userId) &&
    (query.after === undefined || record.id > query.after)
  )
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
