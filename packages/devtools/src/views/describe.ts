import type { JournalRecord } from '@msc/core'
import { objectOf, textOf } from './read.ts'

/** Kinds of records that are operations, with a span id of their own. */
const OPERATIONS: ReadonlySet<string> = new Set(['span', 'run', 'step'])
/** Nothing takes longer; a number beyond it is wrong. */
const LONGEST_MS = 366 * 86_400_000

export function attributesOf(record: JournalRecord): Readonly<Record<string, unknown>> {
  return objectOf(record.payload['attributes'])
}

/** A record in a few words: its operation and what it was about. */
export function titleOf(record: JournalRecord): string {
  const at = attributesOf(record)
  if (record.name === 'http.request') return `${textOf(at['method'])} ${textOf(at['route'])}`
  if (record.kind === 'step') return `${textOf(at['job'])} · ${textOf(at['step'])}`
  if (record.kind === 'run') return `${textOf(at['job'])} (run)`
  if (record.kind !== 'span') return record.name
  const operation = textOf(record.payload['operation'])
  if (operation !== '') return operation === record.name ? record.name : `${operation} ${record.name}`
  const subject = Object.values(at).find((value) => typeof value === 'string')
  return subject === undefined ? record.name : `${record.name} ${textOf(subject)}`
}

export function isFailure(record: JournalRecord): boolean {
  const { outcome, status } = attributesOf(record)
  return (
    record.kind === 'error' ||
    record.payload['status'] === 'error' ||
    outcome === 'error' ||
    outcome === 'failed' ||
    (typeof status === 'number' && status >= 500)
  )
}

/** Milliseconds; 0 for what did not take time, and for what is no duration. */
export function durationOf({ kind, ts, payload }: JournalRecord): number {
  const { durationMs, endTimestamp } = payload
  const taken = kind === 'span' && typeof endTimestamp === 'number' ? endTimestamp - ts : durationMs
  return typeof taken === 'number' && taken > 0 && taken <= LONGEST_MS ? taken : 0
}

/** The span of a record, for what is one, and the span that it happened in. */
export function placeOf(record: JournalRecord): { readonly own?: string; readonly parent?: string } {
  const { spanId, parentSpanId } = record.payload
  if (!OPERATIONS.has(record.kind)) return typeof spanId === 'string' ? { parent: spanId } : {}
  return {
    ...(typeof spanId === 'string' && { own: spanId }),
    ...(typeof parentSpanId === 'string' && { parent: parentSpanId }),
  }
}
