import { appendFile } from 'node:fs/promises'
import { createMemoryJournal, toError, type Journal, type JournalRecord } from '@msc/core'
import { prune, readSegment, segmentPath, segments } from './segments.ts'

export interface FileJournalOptions {
  /** Made when missing. One process writes to it. */
  readonly dir: string
  /** Bytes of one file. Default 4 MiB. */
  readonly maxBytes?: number
  /** Files kept; the oldest goes first. Default 8. */
  readonly maxFiles?: number
  /** Days a file is kept. Default 7. */
  readonly maxAgeDays?: number
  /** Records in memory that can be queried, spans aside, which have as many again. Default 5 000. */
  readonly capacity?: number
  readonly now?: () => number
  /** Told of the first failure to write, and of the first after each success. Default: a line on the console. */
  readonly onError?: (error: Error) => void
}

export interface FileJournal extends Journal {
  /** Resolves when everything appended so far is on disk, or counted as dropped. */
  flush(): Promise<void>
}

/** Lines that wait for a slow disk at most. */
const MAX_WAITING = 20_000

/**
 * A journal that outlives the process: a ring in memory for queries, JSON lines on disk. Reads the newest records of
 * an earlier life when it is made. `append` never waits: a disk that is full or slow costs records on disk, counted in
 * `dropped`, never the caller's time.
 */
export function createFileJournal(options: FileJournalOptions): FileJournal {
  const { dir, maxBytes = 4 * 1024 * 1024, maxFiles = 8, maxAgeDays = 7, capacity = 5000, now = Date.now } = options
  const onError = options.onError ?? ((error) => console.error('[msc/devtools] The journal can not be written.', error))
  const loaded = load(dir, capacity)
  // Spans come by the thousand; they must not push an error out.
  const spans = createMemoryJournal({ capacity, now, initial: loaded.records.filter(isSpan) })
  const others = createMemoryJournal({ capacity, now, initial: loaded.records.filter((each) => !isSpan(each)) })

  let { path, bytes } = loaded
  let waiting: string[] = []
  let writing: Promise<void> | undefined
  let failing = false
  let lost = 0
  let closed = false

  const rotate = async (): Promise<void> => {
    path = segmentPath(dir, now())
    bytes = 0
    await prune(dir, maxFiles - 1, now() - maxAgeDays * 86_400_000)
  }

  const write = async (): Promise<void> => {
    // Lets a burst of appends become one write.
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const lines = waiting
      waiting = []
      const text = lines.join('')
      try {
        if (path === undefined || bytes > maxBytes) await rotate()
        await appendFile(path as string, text, { mode: 0o600 })
        bytes += Buffer.byteLength(text)
        failing = false
      } catch (error) {
        lost += lines.length
        // A torn line would swallow the next one: go on in a new file.
        path = undefined
        if (!failing) onError(toError(error))
        failing = true
      }
    }
    writing = undefined
  }

  const written = async (): Promise<void> => {
    // More may have been appended while the last write went on.
    await writing
    if (writing) await written()
  }

  const keep = (record: JournalRecord): void => {
    if (closed || waiting.length >= MAX_WAITING) {
      lost += 1
      return
    }
    waiting.push(`${JSON.stringify(record)}\n`)
    writing ??= write()
  }

  return {
    get dropped() {
      return lost
    },
    append(entry) {
      const record = (entry.kind === 'span' ? spans : others).append(entry)
      try {
        keep(record)
      } catch {
        // Not JSON: a cycle or a bigint that nobody redacted. It stays readable in memory.
        lost += 1
      }
      return record
    },
    query(query = {}) {
      const limit = query.limit ?? 100
      const wantsSpans = query.kinds === undefined || query.kinds.includes('span')
      const wantsOthers = query.kinds === undefined || query.kinds.some((kind) => kind !== 'span')
      if (!wantsSpans) return others.query(query)
      if (!wantsOthers) return spans.query(query)
      return [...spans.query(query), ...others.query(query)].toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit)
    },
    subscribe(listener) {
      const stops = [spans.subscribe(listener), others.subscribe(listener)]
      return () => {
        for (const stop of stops) stop()
      }
    },
    flush: () => written(),
    async close() {
      closed = true
      await written()
      await Promise.all([spans.close(), others.close()])
    },
  }
}

function load(dir: string, capacity: number): { records: JournalRecord[]; path: string | undefined; bytes: number } {
  const files = segments(dir)
  const batches: JournalRecord[][] = []
  let path: string | undefined
  let bytes = 0
  let count = 0
  for (const file of files.toReversed()) {
    const { records, whole } = readSegment(file.path)
    if (file === files.at(-1) && whole) ({ path, bytes } = file)
    batches.unshift(records)
    count += records.length
    if (count >= 2 * capacity) break
  }
  return { records: batches.flat(), path, bytes }
}

const isSpan = (record: JournalRecord): boolean => record.kind === 'span'
