// Readers for a stranger's data. Each of them accepts any value and limits what it returns.

import { isRecord } from '@msc/core'
import { cutText } from '../cut-text.ts'

export type Loose = Readonly<Record<string, unknown>>

export function record(value: unknown): Loose {
  return isRecord(value) ? value : {}
}

/** Returns the first `max` items. */
export function list(value: unknown, max: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, max) : []
}

/** Returns the last `max` items. */
export function tail(value: unknown, max: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(-max) : []
}

/** Returns the first `max` characters of non-empty text, cut with {@link cutText}. */
export function text(value: unknown, max: number): string | undefined {
  return typeof value === 'string' && value !== '' ? cutText(value, max) : undefined
}

export function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** Returns a whole number from 0 to `max`. */
export function index(value: unknown, max: number): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max ? value : undefined
}

const TRACE_ID = /^(?!0+$)[\da-f]{32}$/
const SPAN_ID = /^(?!0+$)[\da-f]{16}$/
const EVENT_ID = /^[\da-fA-F-]{32,36}$/

export function traceIdOf(value: unknown): string | undefined {
  return typeof value === 'string' && TRACE_ID.test(value) ? value : undefined
}

export function spanIdOf(value: unknown): string | undefined {
  return typeof value === 'string' && SPAN_ID.test(value) ? value : undefined
}

/** Returns a UUID, which may come without hyphens. */
export function eventIdOf(value: unknown): string | undefined {
  return typeof value === 'string' && EVENT_ID.test(value) ? value : undefined
}

const MAX_TAGS = 50

/** Returns names and values as text, without the values that are not plain text. */
export function tagsOf(value: unknown): Record<string, string> {
  const pairs: [string, string][] = []
  // Sentry also accepts a list of pairs.
  const given = Array.isArray(value) ? value.slice(0, MAX_TAGS).filter(Array.isArray) : entriesOf(value, MAX_TAGS)
  for (const [name, member] of given as [unknown, unknown][]) {
    if (typeof name !== 'string' || !['string', 'number', 'boolean'].includes(typeof member)) continue
    pairs.push([cutText(name, 100), cutText(String(member), 200)])
  }
  return Object.fromEntries(pairs)
}

/** Returns the first `max` properties. */
export function entriesOf(value: unknown, max: number): [string, unknown][] {
  const from = record(value)
  const entries: [string, unknown][] = []
  for (const name in from) {
    if (entries.length === max) break
    if (Object.hasOwn(from, name)) entries.push([name, from[name]])
  }
  return entries
}
