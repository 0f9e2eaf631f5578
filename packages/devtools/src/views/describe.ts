import type { JournalRecord } from '@msc/core'
import { objectOf, textOf } from './read.ts'

/** The kinds of records that are operations, with a span id of their own. */
const OPERATIONS: ReadonlySet<string> = new Set(['span', 'run', 'step'])
/** A longer duration is taken for an error. */
const LONGEST_MS = 366 * 86_400_000

export function attributesOf(record: JournalRecord): Readonly<Record<string, unknown>> {
  return objectOf(record.payload['attributes'])
}

/** Describes a record in a few words: its operation and its object. */
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

/** Returns the duration in milliseconds; 0 for a record without one, and for an invalid one. */
export function durationOf({ kind, ts, payload }: JournalRecord): number {
  const { durationMs, endTimestamp } = payload
  const taken = kind === 'span' && typeof endTimestamp === 'number' ? endTimestamp - ts : durationMs
  return typeof taken === 'number' && taken > 0 && taken <= LONGEST_MS ? taken : 0
}

/** Returns the span of a record, if it is one, and the span that contains it. */
export function placeOf(record: JournalRecord): { readonly own?: string; readonly parent?: string } {
  const { spanId, parentSpanId } = record.payload
  if (!OPERATIONS.has(record.kind)) return typeof spanId === 'string' ? { parent: spanId } : {}
  return {
    ...(typeof spanId === 'string' && { own: spanId }),
    ...(typeof parentSpanId === 'string' && { parent: parentSpanId }),
  }
}
