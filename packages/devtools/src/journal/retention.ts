import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JournalRecord } from '@msc/core'
import { timeOfId } from '../record-shape.ts'
import { byLane, listSegments, parseLine, sourceOf, type Segment } from './segments.ts'

export interface RetentionLimits {
  /** The most files of all kinds together; each kind keeps at least two. See {@link planRetention}. */
  readonly maxFiles: number
  /** Older records are removed. In milliseconds since the epoch. */
  readonly olderThan: number
}

interface RetentionPlan {
  readonly remove: readonly Segment[]
  /** Files with some records that are too old, and perhaps some that are not. */
  readonly trim: readonly Segment[]
}

/**
 * A record's age is that of its own time or of its id, whichever is older: a time from a wrong clock must not keep it.
 */
export function isFresh(record: JournalRecord, olderThan: number): boolean {
  return Math.min(record.ts, timeOfId(record.id) ?? record.ts) >= olderThan
}

/**
 * Chooses the files to remove. When there are too many, the kind that has the most loses its oldest, so that events,
 * which come by the thousand, never push out files with errors.
 *
 * Files of other sources together have a quarter of `maxFiles`, so that the process itself has three quarters whatever
 * it receives. Among them the source with the most files loses one first. Each source keeps two files, and the newest of
 * each kind, since that may be written to.
 *
 * @param segments Oldest first.
 */
export function planRetention(segments: readonly Segment[], { maxFiles, olderThan }: RetentionLimits): RetentionPlan {
  const remove: Segment[] = []
  const trim: Segment[] = []
  const sources = new Map<string | undefined, Segment[][]>([[undefined, []]])
  for (const [lane, files] of byLane(segments)) {
    const fresh: Segment[] = []
    files.forEach((file, index) => {
      // The records of a file are older than the next file of its lane.
      if ((files[index + 1]?.startedAt ?? Infinity) < olderThan) remove.push(file)
      else fresh.push(file)
    })
    trim.push(...fresh.filter(({ startedAt }) => startedAt < olderThan))
    const source = sourceOf(lane)
    sources.set(source, [...(sources.get(source) ?? []), fresh])
  }
  const own = sources.get(undefined) as Segment[][]
  sources.delete(undefined)
  const share = Math.floor(maxFiles / 4)
  remove.push(...thinReceived([...sources.values()], share))
  const received = countOf([...sources.values()].flat())
  remove.push(...thinOwn(own, maxFiles - Math.min(share, received)))
  return { remove, trim: trim.filter((segment) => !remove.includes(segment)) }
}

const countOf = (lanes: readonly Segment[][]): number => lanes.reduce((sum, files) => sum + files.length, 0)
const most = <T>(items: readonly T[], sizeOf: (item: T) => number): T =>
  items.reduce((largest, item) => (sizeOf(item) > sizeOf(largest) ? item : largest))

/** Takes files out of the lanes of the process itself until `limit` are left, or two in each. Returns those taken. */
function thinOwn(lanes: readonly Segment[][], limit: number): Segment[] {
  const taken: Segment[] = []
  const least = Math.max(limit, 2 * lanes.length)
  while (countOf(lanes) > least) taken.push(most(lanes, ({ length }) => length).shift() as Segment)
  return taken
}

/** Takes files out of the lanes of other sources until `limit` are left. Returns those taken. */
function thinReceived(sources: readonly Segment[][][], limit: number): Segment[] {
  const taken: Segment[] = []
  const spare = (lanes: Segment[][]): number => countOf(lanes) - Math.max(2, lanes.length)
  while (countOf(sources.flat()) > limit) {
    const able = sources.filter((lanes) => spare(lanes) > 0)
    if (able.length === 0) break
    taken.push(most(most(able, countOf), ({ length }) => length).shift() as Segment)
  }
  return taken
}

/**
 * Removes records that are too old and files that are too many. Nothing may be writing to a file that began before
 * `olderThan`.
 */
export async function applyRetention(dir: string, limits: RetentionLimits): Promise<void> {
  const { remove, trim } = planRetention(listSegments(dir), limits)
  for (const { path } of remove) await rm(path, { force: true })
  for (const { path } of trim) await trimSegment(path, limits.olderThan)
}

/** Replaces the file with a copy, so that one of them is complete if the process ends in between. */
async function trimSegment(path: string, olderThan: number): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  const fresh = lines.filter((line) => {
    const record = parseLine(line)
    return record !== undefined && isFresh(record, olderThan)
  })
  if (fresh.length === 0) return rm(path, { force: true })
  // The last line ends with a newline, which makes the last item empty.
  if (fresh.length === lines.length - 1) return
  await writeFile(path + COPY, `${fresh.join('\n')}\n`, { mode: 0o600 })
  await rename(path + COPY, path)
}

const COPY = '.tmp'

/** Removes copies that an earlier process left unfinished. */
export async function removeCopies(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.startsWith('journal-') && name.endsWith(`.jsonl${COPY}`)) await rm(join(dir, name), { force: true })
  }
}
