import { mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JournalRecord } from '@msc/core'

const NAME = /^journal-(\d+)\.jsonl$/

/** Files of the journal in `dir`, oldest first. */
export function segments(dir: string): { readonly path: string; readonly startedAt: number; readonly bytes: number }[] {
  mkdirSync(dir, { recursive: true })
  return readdirSync(dir)
    .flatMap((name) => {
      const startedAt = NAME.exec(name)?.[1]
      if (startedAt === undefined) return []
      const path = join(dir, name)
      return [{ path, startedAt: Number(startedAt), bytes: statSync(path).size }]
    })
    .toSorted((a, b) => a.startedAt - b.startedAt)
}

export function segmentPath(dir: string, startedAt: number): string {
  return join(dir, `journal-${startedAt}.jsonl`)
}

/**
 * The records of one file. A line that is no record is skipped: the last one of a process that was killed while it
 * wrote, or one that a full disk cut off.
 */
export function readSegment(path: string): { readonly records: JournalRecord[]; readonly whole: boolean } {
  const text = readFileSync(path, 'utf8')
  const records: JournalRecord[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const record = parse(line)
    if (record) records.push(record)
  }
  return { records, whole: text === '' || text.endsWith('\n') }
}

/** Removes what is too old, and the oldest of what is too many. */
export async function prune(dir: string, maxSegments: number, olderThan: number): Promise<void> {
  const all = segments(dir)
  const doomed = all.filter(
    // A file ends where the next one starts.
    (_, index) => index < all.length - maxSegments || (all[index + 1]?.startedAt ?? Infinity) < olderThan,
  )
  for (const { path } of doomed) await rm(path, { force: true })
}

function parse(line: string): JournalRecord | undefined {
  try {
    const record = JSON.parse(line) as Partial<JournalRecord>
    const valid =
      typeof record.id === 'string' &&
      typeof record.ts === 'number' &&
      typeof record.kind === 'string' &&
      typeof record.name === 'string' &&
      typeof record.payload === 'object' &&
      record.payload !== null
    return valid ? (record as JournalRecord) : undefined
  } catch {
    return undefined
  }
}
