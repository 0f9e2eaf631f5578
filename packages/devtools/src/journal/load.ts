import type { JournalRecord } from '@msc/core'
import { isFresh } from './retention.ts'
import { byLane, listSegments, readSegment, type Segment } from './segments.ts'

export interface Loaded {
  /** Oldest first, each record once. */
  readonly records: JournalRecord[]
  /** The newest file of each kind and source. */
  readonly segments: NewestSegment[]
}

export interface NewestSegment extends Segment {
  /** False when it ends within a line, which the next record must not be appended to. */
  readonly whole: boolean
}

/** Loads the newest `capacity` records of each kind and source that earlier processes wrote and that are not too old. */
export function loadRecords(dir: string, capacity: number, olderThan: number): Loaded {
  const found = new Map<string, JournalRecord>()
  const segments: NewestSegment[] = []
  for (const [lane, files] of byLane(listSegments(dir))) {
    let count = 0
    for (const file of files.toReversed()) {
      const { records, whole } = readSegment(file)
      if (file === files.at(-1) && lane !== '') segments.push({ ...file, whole })
      for (const record of records) if (isFresh(record, olderThan)) found.set(record.id, record)
      count += records.length
      if (count >= capacity && lane !== '') break
    }
  }
  const records = [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return { records, segments }
}
