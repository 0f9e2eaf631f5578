import type { JournalEntry } from '@msc/core'
import { cutText } from '../cut-text.ts'

/** A record that was asked for. Its user and its texts are as they came. */
export interface Accepted {
  readonly entry: JournalEntry
  /** What comes again under the same key is kept once. */
  readonly once?: string | undefined
  /** A grouping that its sender chose. */
  readonly chosenFingerprint?: readonly string[] | undefined
}

/** What a body held. */
export interface Received {
  readonly accepted: readonly Accepted[]
  /** How many of what there is no place for, by its type. */
  readonly notKept: ReadonlyMap<string, number>
}

/** Records of one body at most. */
export const MAX_RECORDS = 1000
/** Types that are counted apart. */
const MAX_TYPES = 30

export function countNotKept(counts: Map<string, number>, type: string, count = 1): void {
  const name = cutText(type, 60)
  const key = counts.has(name) || counts.size < MAX_TYPES ? name : 'other'
  counts.set(key, (counts.get(key) ?? 0) + count)
}

/** More records than one body may hold: an SDK sends a batch that is too large again in halves. */
export class TooManyError extends Error {}
