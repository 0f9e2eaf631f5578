import { lstatSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { JournalRecord } from '@msc/core'
import { readRecord, shortName } from '../record-shape.ts'

/** A file of the journal. It holds records of the kind and source in its name, or of any kind if its name has none. */
export interface Segment {
  readonly path: string
  /** The kind and source, see {@link laneOf}. Empty for a file of any kind. */
  readonly lane: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly bytes: number
}

const NAME = /^journal-(?:([a-z][a-z\d-]*(?:@[a-z][a-z\d-]*)?)-)?(\d{1,16})\.jsonl$/

/** Lists the journal's files in `dir`, oldest first. Skips anything that is not a plain file or can't be read. */
export function listSegments(dir: string): Segment[] {
  return readdirSync(dir)
    .flatMap((name) => {
      const match = NAME.exec(name)
      const path = join(dir, name)
      const bytes = match ? sizeOfFile(path) : undefined
      return match && bytes !== undefined ? [{ path, lane: match[1] ?? '', startedAt: Number(match[2]), bytes }] : []
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

/** Groups files by kind and source, in the given order. */
export function byLane(segments: readonly Segment[]): Map<string, Segment[]> {
  const groups = new Map<string, Segment[]>()
  for (const segment of segments) {
    const group = groups.get(segment.lane)
    if (group) group.push(segment)
    else groups.set(segment.lane, [segment])
  }
  return groups
}

/**
 * Returns the kind and source of a record as the names of files contain them: `error` for an error of the process itself,
 * `error@browser` for one that was received. Versions without sources leave files with such names alone.
 */
export function laneOf(kind: string, source: string | undefined): string {
  return source === undefined ? shortName(kind) : `${shortName(kind)}@${shortName(source)}`
}

/** Returns the source in the name of a lane; `undefined` for the process itself. */
export function sourceOf(lane: string): string | undefined {
  return lane.split('@')[1]
}

export function segmentPath(dir: string, lane: string, startedAt: number): string {
  return join(dir, `journal-${lane}-${startedAt}.jsonl`)
}

/**
 * Returns the records of one file. Invalid lines are skipped, such as the last one of a process that was killed while
 * writing, or one that a full disk cut off. A file that can't be read has no records. What is in a file of a source came
 * from there, whatever its lines say.
 */
export function readSegment({ path, lane }: Segment): { readonly records: JournalRecord[]; readonly whole: boolean } {
  const source = sourceOf(lane)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return { records: [], whole: false }
  }
  const records = text.split('\n').flatMap((line) => {
    const record = parseLine(line)
    if (record === undefined) return []
    return source === undefined || record.source === source ? record : { ...record, source }
  })
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
