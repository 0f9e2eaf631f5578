import { mkdirSync } from 'node:fs'
import {
  assertNumbers,
  assertPorts,
  assertText,
  createMemoryJournal,
  every,
  reportFailure,
  systemClock,
  toError,
  type Clock,
  type Journal,
  type JournalRecord,
} from '@msc/core'
import { nodeDisk } from './disk.ts'
import { loadRecords, type Loaded } from './load.ts'
import { applyRetention, isFresh, removeCopies } from './retention.ts'
import { laneOf } from './segments.ts'
import { createWriter } from './writer.ts'

export interface FileJournalOptions {
  /**
   * Created if missing. Use one folder per process, although the lines of several processes would not tear each other.
   */
  readonly dir: string
  /** The size of one file, in bytes. Default 2 MiB. */
  readonly maxBytes?: number
  /**
   * The number of files of all kinds together; each kind always keeps its newest two. Default 32. What was received from
   * other sources, such as browsers, has at most a quarter of them, but two for each source and one for each of its kinds.
   */
  readonly maxFiles?: number
  /** Days that a record is kept. Checked when the journal is made, and then once an hour. Default 7. */
  readonly maxAgeDays?: number
  /** Records of each kind and source in memory, which are those that can be queried. Default 5 000. */
  readonly capacity?: number
  /** The memory for the records of one source, all kinds together: see `MemoryJournalOptions`. Default 16 MiB. */
  readonly maxSourceBytes?: number
  readonly clock?: Clock
  /**
   * Called for the first failed write, and for the first after each success. Default: the process's reporter, see
   * `setErrorReporter`.
   */
  readonly onError?: (error: Error) => void
}

export interface FileJournal extends Journal {
  /** Resolves when everything appended so far is on disk or counted as dropped. */
  flush(): Promise<void>
  /** Writes everything appended so far before it returns: for use at the end of a process. Never throws. */
  flushSync(): void
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

interface Subscription {
  readonly listener: (record: JournalRecord) => void
  stop: () => void
}

/**
 * Makes a journal that outlives the process. The newest records of each kind and source are in memory for queries; on
 * disk they are JSON lines, in separate files for each kind and source. It reads the records of earlier processes when it is made. `append`
 * never waits: a full or slow disk costs records on disk, counted in `dropped`, but never the caller's time.
 *
 * @throws ConfigError `OPTION_INVALID` without a `dir`, for an invalid limit, or one that leaves room for nothing.
 */
export function createFileJournal(options: FileJournalOptions): FileJournal {
  assertNumbers('devtools', options, {
    maxBytes: 1,
    maxFiles: 1,
    maxAgeDays: { least: 0.01, most: 1e6, fraction: true },
    capacity: 1,
    maxSourceBytes: 1,
  })
  assertText('devtools', 'dir', options.dir)
  assertPorts('devtools', options)
  const { dir, maxBytes = 2 * 1024 * 1024, maxFiles = 32, maxAgeDays = 7, capacity = 5000 } = options
  const { clock = systemClock, maxSourceBytes } = options
  const maxAgeMs = maxAgeDays * DAY_MS
  const now = (): number => clock.now()
  const onError = (error: Error): void =>
    reportFailure(error, { concern: 'devtools', operation: 'journal', dir }, options.onError)
  const loaded = loadOrReport(dir, capacity, now() - maxAgeMs, onError)
  /** The listeners, which are moved when the memory is replaced. */
  const subscriptions = new Set<Subscription>()
  let memory = memoryOf(loaded.records)
  let unreadable = 0
  let closed = false
  let tidying: Promise<void> = Promise.resolve()

  function memoryOf(initial: readonly JournalRecord[]): Journal {
    const made = createMemoryJournal({
      capacity,
      now,
      initial,
      ...(maxSourceBytes !== undefined && { maxSourceBytes }),
    })
    for (const subscription of subscriptions) subscription.stop = made.subscribe(subscription.listener)
    return made
  }
  const writer = createWriter({
    dir,
    disk: nodeDisk,
    now,
    maxBytes,
    // The file that is being written to must never be old enough to be trimmed.
    maxSegmentMs: Math.min(DAY_MS, maxAgeMs / 2),
    initial: loaded.segments,
    onError,
    onRotate: () => tidy(),
  })
  /** Runs one at a time, since two would remove each other's files. */
  const tidy = (): Promise<void> => {
    const limits = { maxFiles, olderThan: now() - maxAgeMs }
    tidying = tidying
      .then(() => applyRetention(dir, limits))
      .catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(toError(error))
      })
    return tidying
  }
  const forget = (): void => {
    const olderThan = now() - maxAgeMs
    const all = memory.query({ limit: Infinity })
    const fresh = all.filter((record) => isFresh(record, olderThan))
    if (fresh.length < all.length) memory = memoryOf(fresh.toReversed())
  }
  tidying = removeCopies(dir).catch(() => undefined)
  void tidy()
  const stopTidying = every(
    HOUR_MS,
    () => {
      forget()
      return tidy()
    },
    { clock, onError: (error) => onError(toError(error)) },
  )

  return {
    get dropped() {
      return writer.lost + unreadable
    },
    append(entry) {
      const record = memory.append(entry)
      const line = closed ? undefined : lineOf(record)
      if (line === undefined) unreadable += 1
      else writer.push(laneOf(record.kind, record.source), line)
      return record
    },
    query: (query) => memory.query(query),
    subscribe(listener) {
      const subscription = { listener, stop: memory.subscribe(listener) }
      subscriptions.add(subscription)
      return () => {
        subscription.stop()
        subscriptions.delete(subscription)
      }
    },
    async flush() {
      await writer.flush()
      await tidying
    },
    flushSync: () => writer.flushSync(),
    async close() {
      closed = true
      stopTidying()
      await writer.flush()
      await tidying
      for (const { stop } of subscriptions) stop()
      subscriptions.clear()
      await memory.close()
    },
  }
}

/** A folder that can't be created or read costs its old records, but must not keep the application from starting. */
function loadOrReport(dir: string, capacity: number, olderThan: number, onError: (error: Error) => void): Loaded {
  try {
    mkdirSync(dir, { recursive: true })
    return loadRecords(dir, capacity, olderThan)
  } catch (error) {
    onError(toError(error))
    return { records: [], segments: [] }
  }
}

/** Returns `undefined` for a cycle or a bigint that nobody redacted; the record stays readable in memory. */
function lineOf(record: JournalRecord): string | undefined {
  try {
    return JSON.stringify(record)
  } catch {
    return undefined
  }
}
