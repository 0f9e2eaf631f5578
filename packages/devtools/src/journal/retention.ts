import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JournalRecord } from '@msc/core'
import { timeOfId } from '../record-shape.ts'
import { byKind, listSegments, parseLine, type Segment } from './segments.ts'

export interface RetentionLimits {
  /** Files of all kinds together; each kind keeps two at least. */
  readonly maxFiles: number
  /** Milliseconds since the epoch: what is older goes. */
  readonly olderThan: number
}

interface RetentionPlan {
  readonly remove: readonly Segment[]
  /** Hold some records that are too old, and may hold some that are not. */
  readonly trim: readonly Segment[]
}

/** A record is as old as it says or as its id says, whichever is older: a time from a wrong clock must not keep it. */
export function isFresh(record: JournalRecord, olderThan: number): boolean {
  return Math.min(record.ts, timeOfId(record.id) ?? record.ts) >= olderThan
}

/**
 * Which files go. Too many files cost the kind that has the most of them its oldest, so that events, which come by the
 * thousand, never cost errors their files.
 *
 * @param segments Oldest first.
 */
export function planRetention(segments: readonly Segment[], { maxFiles, olderThan }: RetentionLimits): RetentionPlan {
  const remove: Segment[] = []
  const trim: Segment[] = []
  const kept = new Map<string, Segment[]>()
  for (const [kind, files] of byKind(segments)) {
    const fresh: Segment[] = []
    files.forEach((file, index) => {
      // A file ends where the next one of its kind begins.
      if ((files[index + 1]?.startedAt ?? Infinity) < olderThan) remove.push(file)
      else fresh.push(file)
    })
    trim.push(...fresh.filter(({ startedAt }) => startedAt < olderThan))
    kept.set(kind, fresh)
  }
  const limit = Math.max(maxFiles, 2 * kept.size)
  let count = segments.length - remove.length
  for (; count > limit; count--) {
    const largest = [...kept.values()].reduce((most, files) => (files.length > most.length ? files : most))
    remove.push(largest.shift() as Segment)
  }
  return { remove, trim: trim.filter((segment) => !remove.includes(segment)) }
}

/** Removes what is too old and what is too many. Nobody may be writing to a file that began before `olderThan`. */
export async function applyRetention(dir: string, limits: RetentionLimits): Promise<void> {
  const { remove, trim } = planRetention(listSegments(dir), limits)
  for (const { path } of remove) await rm(path, { force: true })
  for (const { path } of trim) await trimSegment(path, limits.olderThan)
}

/** A copy takes the place of the file, so that a process that dies in between leaves one of them whole. */
async function trimSegment(path: string, olderThan: number): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  const fresh = lines.filter((line) => {
    const record = parseLine(line)
    return record !== undefined && isFresh(record, olderThan)
  })
  if (fresh.length === 0) return rm(path, { force: true })
  // The last line ends with a newline, after which there is an empty one.
  if (fresh.length === lines.length - 1) return
  await writeFile(path + COPY, `${fresh.join('\n')}\n`, { mode: 0o600 })
  await rename(path + COPY, path)
}

const COPY = '.tmp'

/** Removes copies that an earlier process did not finish. */
export async function removeCopies(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.startsWith('journal-') && name.endsWith(`.jsonl${COPY}`)) await rm(join(dir, name), { force: true })
  }
}
