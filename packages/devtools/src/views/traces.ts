import type { Journal, JournalRecord } from '@msc/core'
import { durationOf, isFailure, placeOf, titleOf } from './describe.ts'
import { least, most, read } from './read.ts'

/** A summary of one trace. */
export interface Trace {
  readonly traceId: string
  readonly name: string
  readonly startedAt: number
  readonly durationMs: number
  readonly failed: boolean
  readonly records: number
}

/** A record of a trace, with its depth in the tree. */
export interface TraceRow {
  readonly record: JournalRecord
  readonly depth: number
}

/** Returns all traces, those with the newest record first. */
export function traces(journal: Journal, limit = 200): Trace[] {
  const found = new Map<string, JournalRecord[]>()
  for (const record of read(journal, {})) {
    if (record.traceId === undefined) continue
    const records = found.get(record.traceId)
    if (records) records.push(record)
    else found.set(record.traceId, [record])
  }
  return [...found].slice(0, limit).map(([traceId, records]) => summaryOf(traceId, records))
}

function summaryOf(traceId: string, records: readonly JournalRecord[]): Trace {
  const startedAt = least(records.map(({ ts }) => ts))
  const first = records.find(({ name }) => name === 'http.request') ?? (records.at(-1) as JournalRecord)
  return {
    traceId,
    name: titleOf(first),
    startedAt,
    durationMs: most(records.map((record) => record.ts + durationOf(record))) - startedAt,
    failed: records.some(isFailure),
    records: records.length,
  }
}

/** The most rows of one page. */
const MAX_ROWS = 1000

/**
 * Returns the records of a trace, each after the one that contains it, and otherwise in the order in which they began.
 */
export function traceRows(journal: Journal, traceId: string): TraceRow[] {
  const records = read(journal, { traceId, limit: MAX_ROWS }).toSorted((a, b) => a.ts - b.ts || (a.id < b.id ? -1 : 1))
  const owners = new Map<string, JournalRecord>()
  for (const record of records) {
    const { own } = placeOf(record)
    if (own !== undefined && !owners.has(own)) owners.set(own, record)
  }
  const roots: JournalRecord[] = []
  const children = new Map<JournalRecord, JournalRecord[]>()
  for (const record of records) {
    const { parent } = placeOf(record)
    const owner = parent === undefined ? undefined : owners.get(parent)
    if (!owner || owner === record) roots.push(record)
    else push(children, owner, record)
  }
  return flatten(roots, children, records)
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
