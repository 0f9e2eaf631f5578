import { createHash } from 'node:crypto'
import { type Journal, type JournalQuery, type JournalRecord, isRecord, matches } from '@msc/core'
import { readRecord } from '../record-shape.ts'

/** How many records one page reads. */
const SCAN = 10_000

/**
 * Returns the records that the journal finds, without invalid ones. Newest first. What was received and what the process
 * itself recorded are read apart, each up to the limit, so that a flood of one leaves the other on the page.
 */
export function read(journal: Journal, query: JournalQuery): JournalRecord[] {
  const { source, received } = query
  if (source !== undefined || received !== undefined) return readPart(journal, query)
  const own = readPart(journal, { ...query, received: false })
  const others = readPart(journal, { ...query, received: true })
  return others.length === 0 ? own : [...own, ...others].toSorted((a, b) => (a.id < b.id ? 1 : -1))
}

function readPart(journal: Journal, query: JournalQuery): JournalRecord[] {
  const { source, received } = query
  const asked = { ...(source !== undefined && { source }), ...(received !== undefined && { received }) }
  return journal
    .query({ limit: SCAN, ...query })
    .flatMap((record) => readRecord(record) ?? [])
    .filter((record) => matches(record, asked))
}

/** The name of the process itself among the sources. */
const OWN = 'server'

/** Returns the query for the records of the source that a page was asked for; all records without one. */
export function fromSource(source: string | null): Pick<JournalQuery, 'source' | 'received'> {
  if (source === null) return {}
  return source === OWN ? { received: false } : { source, received: true }
}

/** Returns the name of a source as people read it: “Browser”, or “Server” for the process itself. */
export function sourceName(source: string = OWN): string {
  return `${source.slice(0, 1).toUpperCase()}${source.slice(1)}`
}

const ADDRESS = /^(?!\.+$)[\w:.-]{1,128}$/

/** Returns `id` for use in a path: itself, or a hash of an id that would have a meaning there, such as `..`. */
export function addressOf(id: string): string {
  return ADDRESS.test(id) ? id : hashOf(id)
}

export function hashOf(id: string): string {
  return `~${createHash('sha256').update(id).digest('base64url').slice(0, 22)}`
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
