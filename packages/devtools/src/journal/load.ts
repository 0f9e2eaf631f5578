import type { JournalRecord } from '@msc/core'
import { isFresh } from './retention.ts'
import { byKind, listSegments, readSegment, type Segment } from './segments.ts'

export interface Loaded {
  /** Oldest first, each record once. */
  readonly records: JournalRecord[]
  /** The newest file of each kind. */
  readonly segments: NewestSegment[]
}

export interface NewestSegment extends Segment {
  /** False when it ends within a line, which the next record must not be appended to. */
  readonly whole: boolean
}

/** Loads the newest `capacity` records of each kind that earlier processes wrote and that are not too old. */
export function loadRecords(dir: string, capacity: number, olderThan: number): Loaded {
  const found = new Map<string, JournalRecord>()
  const segments: NewestSegment[] = []
  for (const [kind, files] of byKind(listSegments(dir))) {
    let count = 0
    for (const file of files.toReversed()) {
      const { records, whole } = readSegment(file.path)
      if (file === files.at(-1) && kind !== '') segments.push({ ...file, whole })
      for (const record of records) if (isFresh(record, olderThan)) found.set(record.id, record)
      count += records.length
      if (count >= capacity && kind !== '') break
    }
  }
  const records = [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return { records, segments }
}
