import type { JournalRecord } from '@msc/core'
import { isFresh } from './retention.ts'
import { byKind, listSegments, readSegment, type Segment } from './segments.ts'

export interface Loaded {
  /** Oldest first, each record once. */
  readonly records: JournalRecord[]
  /** The file of each kind to continue: its newest, unless that ends within a line. */
  readonly segments: Segment[]
}

/** Loads the newest `capacity` records of each kind that earlier processes wrote and that are not too old. */
export function loadRecords(dir: string, capacity: number, olderThan: number): Loaded {
  const found = new Map<string, JournalRecord>()
  const segments: Segment[] = []
  for (const [kind, files] of byKind(listSegments(dir))) {
    let count = 0
    for (const file of files.toReversed()) {
      const { records, whole } = readSegment(file.path)
      if (file === files.at(-1) && whole && kind !== '') segments.push(file)
      for (const record of records) if (isFresh(record, olderThan)) found.set(record.id, record)
      count += records.length
      if (count >= capacity && kind !== '') break
    }
  }
  const records = [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return { records, segments }
}
