import { closedError } from '../../service/closed.ts'
import type { Journal, JournalEntry } from '../../telemetry/journal.ts'
import { getJournal } from '../../telemetry/memory-journal.ts'
import type { DriverBase } from '../../contract/driver.ts'
import type { Receipt } from './receipt.ts'
import { writeEach } from './write-each.ts'

export interface JournalSinkOptions<T> {
  /** Default: the process's journal, looked up at each call. */
  readonly journal: Journal | undefined
  readonly toRecord: (item: T) => JournalEntry
  /** The number of ids to remember, so that an item that is sent again (last words, a webhook) is written once. */
  readonly remembered: number
  /** Called with each item that was written. */
  readonly onKept?: (item: T) => void
}

export interface JournalSink<T> extends Pick<DriverBase, 'health' | 'close'> {
  send(items: readonly T[]): Promise<Receipt>
  /** Also flushes the journal before it returns. */
  sendSync(items: readonly T[]): void
}

/** Makes the sink of the embedded drivers, which writes each item to the journal once. */
export function journalSink<T extends { readonly id: string }>(options: JournalSinkOptions<T>): JournalSink<T> {
  const { toRecord, remembered, onKept } = options
  const kept = new Set<string>()
  let closed = false
  const open = (): Journal => {
    if (closed) throw closedError('local')
    return options.journal ?? getJournal()
  }
  const write = (items: readonly T[], journal: Journal): Receipt => {
    const { written, rejected } = writeEach(items, toRecord)
    for (const { item, as: record } of written) {
      if (kept.has(item.id)) continue
      journal.append(record)
      kept.add(item.id)
      if (kept.size > remembered) kept.delete(kept.values().next().value as string)
      onKept?.(item)
    }
    return { rejected }
  }
  return {
    async send(items) {
      return write(items, open())
    },
    sendSync(items) {
      const journal = open()
      write(items, journal)
      journal.flushSync?.()
    },
    async health() {
      open()
    },
    async close() {
      closed = true
    },
  }
}
