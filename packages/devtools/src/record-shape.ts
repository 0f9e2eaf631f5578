import { type JournalRecord, isRecord } from '@msc/core'
import { cutText } from './cut-text.ts'

const ID = /^[\w-]{1,64}$/
const SORTABLE_ID = /^[\da-f]{32}$/
/** The latest time of a `Date`, in milliseconds since the epoch. */
const LAST_MOMENT = 8.64e15
const MAX_NAME = 12_000
const MAX_LABEL = 200
/** The form of a source, and of a kind in the name of a file. */
const SHORT_NAME = /^[a-z][a-z\d-]{0,39}$/

/** Returns a source, or a kind as the names of files contain it: `other` for an invalid one. */
export function shortName(name: unknown): string {
  return typeof name === 'string' && SHORT_NAME.test(name) ? name : 'other'
}

/**
 * Returns `value` as a record with fields of the right types, or `undefined`. Another version, other code or a stranger
 * may have written what is in a journal or on disk. Only the members of `payload` stay unchecked.
 */
export function readRecord(value: unknown): JournalRecord | undefined {
  try {
    return shaped(value)
  } catch {
    // A getter or a proxy has thrown.
    return undefined
  }
}

function shaped(value: unknown): JournalRecord | undefined {
  if (!isRecord(value)) return undefined
  const { id, kind, name, payload } = value
  if (typeof id !== 'string' || !ID.test(id) || typeof kind !== 'string' || typeof name !== 'string') return undefined
  const ts = isMoment(value['ts']) ? value['ts'] : timeOfId(id)
  if (ts === undefined) return undefined
  const traceId = label(value['traceId'])
  const userId = label(value['userId'])
  const fingerprint = label(value['fingerprint'])
  const release = label(value['release'])
  const source = value['source'] === undefined ? undefined : shortName(value['source'])
  return {
    id,
    ts,
    kind: cutText(kind, MAX_LABEL),
    name: cutText(name, MAX_NAME),
    ...(traceId !== undefined && ID.test(traceId) && { traceId }),
    ...(userId !== undefined && { userId }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(release !== undefined && { release }),
    ...(source !== undefined && { source }),
    payload: isRecord(payload) ? payload : {},
  }
}

/**
 * Returns the time at which a record was written, which its id contains, in milliseconds since the epoch. `undefined`
 * for an id of another form.
 */
export function timeOfId(id: string): number | undefined {
  return SORTABLE_ID.test(id) ? Number.parseInt(id.slice(0, 12), 16) : undefined
}

function isMoment(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LAST_MOMENT
}

function label(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? cutText(value, MAX_LABEL) : undefined
}
