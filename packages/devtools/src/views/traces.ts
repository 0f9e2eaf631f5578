import { matches, type Journal, type JournalRecord } from '@msc/core'
import { durationOf, isFailure, placeOf, titleOf } from './describe.ts'
import { fromSource, least, most, read } from './read.ts'

/** A summary of one trace. */
export interface Trace {
  readonly traceId: string
  /** This and what follows describe what the process itself recorded, if there is any. */
  readonly name: string
  readonly startedAt: number
  readonly durationMs: number
  readonly failed: boolean
  readonly records: number
  /** Further records, received from other sources. */
  readonly received: number
  /** Where all of it was received from; absent if the process itself recorded a part. */
  readonly source?: string
}

/** A record of a trace, with its depth in the tree. */
export interface TraceRow {
  readonly record: JournalRecord
  readonly depth: number
}

/**
 * Returns `limit` traces that the process itself has records of, and then up to as many that were only received, each
 * those with the newest record first.
 *
 * @param source Only traces with a record of this source; `server` for the process itself.
 */
export function traces(journal: Journal, source: string | null = null, limit = 200): Trace[] {
  const own = byTrace(read(journal, { received: false }))
  const others = byTrace(read(journal, { received: true }))
  const isAsked = (records: readonly JournalRecord[]): boolean =>
    source === null || records.some((record) => matches(record, fromSource(source)))
  const known = [...own]
    .map(([traceId, records]) => [traceId, records, others.get(traceId) ?? []] as const)
    .filter(([, records, received]) => isAsked([...records, ...received]))
  const received = [...others].filter(([traceId, records]) => !own.has(traceId) && isAsked(records))
  return [
    ...known.slice(0, limit).map(([traceId, records, more]) => summaryOf(traceId, records, more.length)),
    ...received.slice(0, limit).map(([traceId, records]) => summaryOf(traceId, records, 0)),
  ]
}

function byTrace(records: readonly JournalRecord[]): Map<string, JournalRecord[]> {
  const found = new Map<string, JournalRecord[]>()
  for (const record of records) if (record.traceId !== undefined) push(found, record.traceId, record)
  return found
}

function summaryOf(traceId: string, records: readonly JournalRecord[], received: number): Trace {
  const startedAt = least(records.map(({ ts }) => ts))
  const first = records.find(({ name }) => name === 'http.request') ?? (records.at(-1) as JournalRecord)
  return {
    traceId,
    name: titleOf(first),
    startedAt,
    durationMs: most(records.map((record) => record.ts + durationOf(record))) - startedAt,
    failed: records.some(isFailure),
    records: records.length,
    received,
    ...(first.source !== undefined && { source: first.source }),
  }
}

/** The most rows of one page: of what the process itself recorded, and of what was received. */
const MAX_ROWS = 1000
const MAX_RECEIVED = 100

/**
 * Returns the records of a trace, each after the one that contains it, and otherwise in the order in which they began.
 * What was received may stand below a record of the process, but never the other way round, and it never takes the place
 * of one that has the same span id: nothing that a stranger claims moves or hides what the process recorded.
 */
export function traceRows(journal: Journal, traceId: string): TraceRow[] {
  const own = read(journal, { traceId, limit: MAX_ROWS, received: false })
  const received = read(journal, { traceId, limit: MAX_RECEIVED, received: true })
  const ownSpans = spansOf(own)
  const otherSpans = spansOf(received)
  const ownerOf = (record: JournalRecord): JournalRecord | undefined => {
    const { parent } = placeOf(record)
    if (parent === undefined) return undefined
    return ownSpans.get(parent) ?? (record.source === undefined ? undefined : otherSpans.get(parent))
  }
  const records = inOrder([...own, ...received])
  const roots: JournalRecord[] = []
  const children = new Map<JournalRecord, JournalRecord[]>()
  for (const record of records) {
    const owner = ownerOf(record)
    if (!owner || owner === record) roots.push(record)
    else push(children, owner, record)
  }
  return flatten(roots, children, records)
}

function inOrder(records: readonly JournalRecord[]): JournalRecord[] {
  return records.toSorted((a, b) => a.ts - b.ts || (a.id < b.id ? -1 : 1))
}

/** Returns the first record of each span. */
function spansOf(records: readonly JournalRecord[]): Map<string, JournalRecord> {
  const spans = new Map<string, JournalRecord>()
  for (const record of inOrder(records)) {
    const { own } = placeOf(record)
    if (own !== undefined && !spans.has(own)) spans.set(own, record)
  }
  return spans
}

/** Iterative, and each record once: the parents in a journal may form a circle. */
function flatten(
  roots: readonly JournalRecord[],
  children: ReadonlyMap<JournalRecord, readonly JournalRecord[]>,
  all: readonly JournalRecord[],
): TraceRow[] {
  const rows: TraceRow[] = []
  const placed = new Set<JournalRecord>()
  const place = (root: JournalRecord): void => {
    const open: TraceRow[] = [{ record: root, depth: 0 }]
    for (let row = open.pop(); row; row = open.pop()) {
      if (placed.has(row.record)) continue
      placed.add(row.record)
      rows.push(row)
      const { depth } = row
      for (const child of (children.get(row.record) ?? []).toReversed()) open.push({ record: child, depth: depth + 1 })
    }
  }
  for (const root of roots) place(root)
  // The remaining records are part of a circle.
  for (const record of all) place(record)
  return rows
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
