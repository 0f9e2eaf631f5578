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
  /**
   * Where the record was received from, such as `browser`: a lower-case letter, then up to 39 lower-case letters, digits
   * and hyphens. Absent for a record of the process itself. What has a source was claimed by somebody else: it is kept in
   * a room of its own, and never counts as something that this process knows.
   */
  readonly source?: string
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
  /** Only records received from this source. */
  readonly source?: string
  /** True for records that were received from any source; false for those of the process itself. Default: both. */
  readonly received?: boolean
  /** Only records whose id sorts after this one. */
  readonly after?: string
  /** The number of records to return at most, the newest first. Default 100. */
  readonly limit?: number
}

/** An append-only log. `append` is synchronous and never throws, since its caller is often already handling an error. */
export interface Journal {
  /** An invalid source becomes `other`, and so does a further one when there are too many. Returns what was written. */
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

/** Says whether `record` satisfies `query`, apart from its `limit`. */
export function matches(record: JournalRecord, query: JournalQuery): boolean {
  return (
    (query.kinds === undefined || query.kinds.includes(record.kind)) &&
    (query.traceId === undefined || record.traceId === query.traceId) &&
    (query.fingerprint === undefined || record.fingerprint === query.fingerprint) &&
    (query.userId === undefined || record.userId === query.userId) &&
    (query.source === undefined || record.source === query.source) &&
    (query.received === undefined || query.received === (record.source !== undefined)) &&
    (query.after === undefined || record.id > query.after)
  )
}
