import { tell } from '../context/context.ts'
import { reportFailure, runGuarded } from '../errors/failures.ts'
import { sortableId } from '../ids.ts'
import { processSlot } from '../slot.ts'

/**
 * The kinds of records. The package that writes a kind declares it, beside its operations, by
 * `declare module '@msc/core' { interface JournalKinds { … } }`.
 */
export interface JournalKinds {
  /** Something was lost on its way. */
  drop: true
}

export type JournalKind = keyof JournalKinds & string

/**
 * One line of the record that the embedded drivers write and the console reads. Redacted before it gets here. Its kind is
 * any text to a reader: a file may hold what another version wrote.
 */
export interface JournalRecord {
  /** Sorts by time: see `sortableId`. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly ts: number
  readonly kind: string
  /** What happened, in a few words: an error's message, an event's name. */
  readonly name: string
  readonly traceId?: string
  readonly userId?: string
  /** Groups records that are one issue. */
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
  /** At most this many, the newest. Default 100. */
  readonly limit?: number
}

/** Append-only. `append` is synchronous and never throws: a caller is often already handling an error. */
export interface Journal {
  append(entry: JournalEntry): JournalRecord
  /** Newest first. */
  query(query?: JournalQuery): JournalRecord[]
  /**
   * Tells of what is appended, except of what the listener appends itself. What it throws, or rejects with, is reported
   * once. Returns a function that ends it.
   */
  subscribe(listener: (record: JournalRecord) => void): () => void
  /** Writes what was appended to where it outlives the process, now; absent where there is no such place. Never throws. */
  flushSync?(): void
  /** Records that the bound pushed out, or that could not be written. */
  readonly dropped: number
  close(): Promise<void>
}

export interface MemoryJournalOptions {
  /** Records of each kind that are kept; the oldest goes first. Default 2 000. */
  readonly capacity?: number
  readonly now?: () => number
  /** Records of an earlier life, oldest first. */
  readonly initial?: readonly JournalRecord[]
}

/** The newest records of one kind. */
interface Ring {
  readonly records: JournalRecord[]
  /** Where the next one goes. */
  next: number
}

interface Subscription {
  readonly listener: (record: JournalRecord) => void
  failed: boolean
}

/** Kinds come from code; what makes them up shares a ring. */
const MAX_KINDS = 50

/**
 * Bounded rings, one for each kind, so that spans and events, which come by the thousand, never push an error out. What
 * there is until devtools supplies a journal that outlives the process.
 */
export function createMemoryJournal(options: MemoryJournalOptions = {}): Journal {
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
      notify(subscriptions, record)
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

/** Up to `limit` of a ring that match, newest first. */
function newest({ records, next }: Ring, query: JournalQuery, limit: number): JournalRecord[] {
  const found: JournalRecord[] = []
  const { length } = records
  for (let back = 1; back <= length && found.length < limit; back++) {
    const record = records[(next - back + length) % length]
    if (record && matches(record, query)) found.push(record)
  }
  return found
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

function notify(subscriptions: Iterable<Subscription>, record: JournalRecord): void {
  for (const subscription of subscriptions) {
    // A console that fails to draw must not fail whoever writes.
    runGuarded(
      () => tell(subscription, () => subscription.listener(record)),
      (error) => {
        // Its failure may be written to the journal as well, and it would fail again.
        if (!subscription.failed) reportFailure(error, { concern: 'core', operation: 'journal listener' })
        subscription.failed = true
      },
    )
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
