import { createHash } from 'node:crypto'
import { type Journal, type JournalQuery, type JournalRecord, isRecord } from '@msc/core'
import { readRecord } from '../record-shape.ts'

/** How many records one page reads. */
const SCAN = 10_000

/** Returns the records that the journal finds, without invalid ones. Newest first. */
export function read(journal: Journal, query: JournalQuery): JournalRecord[] {
  return journal.query({ limit: SCAN, ...query }).flatMap((record) => readRecord(record) ?? [])
}

const ADDRESS = /^(?!\.+$)[\w:.-]{1,128}$/

/** Returns `id` for use in a path: itself, or a hash of an id that would have a meaning there, such as `..`. */
export function addressOf(id: string): string {
  return ADDRESS.test(id) ? id : `~${createHash('sha256').update(id).digest('base64url').slice(0, 22)}`
}

export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}

/** Returns text or a number as text; an empty text for anything else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 10_000) : ''
}

/** Returns the first objects of a list. */
export function objectsOf(value: unknown, max = 200): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.slice(0, max).map(objectOf) : []
}

export function least(values: Iterable<number>): number {
  let found = Infinity
  for (const value of values) if (value < found) found = value
  return found
}

export function most(values: Iterable<number>): number {
  let found = -Infinity
  for (const value of values) if (value > found) found = value
  return found
}
