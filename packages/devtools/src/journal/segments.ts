import { lstatSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { JournalRecord } from '@msc/core'
import { readRecord } from '../record-shape.ts'

/** A file of the journal. It holds records of the kind in its name, or of any kind if its name has none. */
export interface Segment {
  readonly path: string
  readonly kind: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly bytes: number
}

const NAME = /^journal-(?:([a-z][a-z\d-]*)-)?(\d{1,16})\.jsonl$/
const FILE_KIND = /^[a-z][a-z\d-]{0,39}$/

/** Lists the journal's files in `dir`, oldest first. Skips anything that is not a plain file or can't be read. */
export function listSegments(dir: string): Segment[] {
  return readdirSync(dir)
    .flatMap((name) => {
      const match = NAME.exec(name)
      const path = join(dir, name)
      const bytes = match ? sizeOfFile(path) : undefined
      return match && bytes !== undefined ? [{ path, kind: match[1] ?? '', startedAt: Number(match[2]), bytes }] : []
    })
    .toSorted((a, b) => a.startedAt - b.startedAt)
}

function sizeOfFile(path: string): number | undefined {
  try {
    const stats = lstatSync(path)
    return stats.isFile() ? stats.size : undefined
  } catch {
    return undefined
  }
}

/** Groups files by kind, in the given order. */
export function byKind(segments: readonly Segment[]): Map<string, Segment[]> {
  const groups = new Map<string, Segment[]>()
  for (const segment of segments) {
    const group = groups.get(segment.kind)
    if (group) group.push(segment)
    else groups.set(segment.kind, [segment])
  }
  return groups
}

/** Returns the kind as file names contain it. */
export function fileKind(kind: string): string {
  return FILE_KIND.test(kind) ? kind : 'other'
}

export function segmentPath(dir: string, kind: string, startedAt: number): string {
  return join(dir, `journal-${kind}-${startedAt}.jsonl`)
}

/**
 * Returns the records of one file. Invalid lines are skipped, such as the last one of a process that was killed while
 * writing, or one that a full disk cut off. A file that can't be read has no records.
 */
export function readSegment(path: string): { readonly records: JournalRecord[]; readonly whole: boolean } {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return { records: [], whole: false }
  }
  const records = text.split('\n').flatMap((line) => parseLine(line) ?? [])
  return { records, whole: text === '' || text.endsWith('\n') }
}

export function parseLine(line: string): JournalRecord | undefined {
  if (line === '') return undefined
  try {
    return readRecord(JSON.parse(line))
  } catch {
    return undefined
  }
}
