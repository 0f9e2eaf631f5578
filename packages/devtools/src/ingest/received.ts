import type { JournalEntry } from '@msc/core'
import { cutText } from '../cut-text.ts'

/** A record to be kept, with its user and its texts as they arrived. */
export interface Accepted {
  readonly entry: JournalEntry
  /** Records with the same key are kept once. */
  readonly once?: string | undefined
  /** A grouping that the sender chose. */
  readonly chosenFingerprint?: readonly string[] | undefined
}

/** The content of a body. */
export interface Received {
  readonly accepted: readonly Accepted[]
  /** Items that the journal has no place for: type → count. */
  readonly notKept: ReadonlyMap<string, number>
}

/**
 * The source of all that the ingest writes. It keeps what a stranger claims apart from what the server knows, in memory,
 * on disk and on the console's pages.
 */
export const SOURCE = 'browser'

/** The most records of one body. */
export const MAX_RECORDS = 1000
/** How many types are counted separately. */
const MAX_TYPES = 30

export function countNotKept(counts: Map<string, number>, type: string, count = 1): void {
  const name = cutText(type, 60)
  const key = counts.has(name) || counts.size < MAX_TYPES ? name : 'other'
  counts.set(key, (counts.get(key) ?? 0) + count)
}

/** A body has too many records. SDKs send a batch that is too large again in halves. */
export class TooManyError extends Error {}
