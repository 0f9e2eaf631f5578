import { type JournalRecord, isRecord } from '@msc/core'
import { cutText } from './cut-text.ts'

const ID = /^[\w-]{1,64}$/
const SORTABLE_ID = /^[\da-f]{32}$/
/** The last moment that a `Date` knows, in milliseconds since the epoch. */
const LAST_MOMENT = 8.64e15
const MAX_NAME = 12_000
const MAX_LABEL = 200

/**
 * `value` as a record whose fields are what their types say, or `undefined`. What is in a journal or on a disk may have
 * been written by another version, by hand or by a stranger. Only the members of `payload` stay unknown.
 */
export function readRecord(value: unknown): JournalRecord | undefined {
  try {
    return shaped(value)
  } catch {
    // A getter or a proxy.
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
  return {
    id,
    ts,
    kind: cutText(kind, MAX_LABEL),
    name: cutText(name, MAX_NAME),
    ...(traceId !== undefined && ID.test(traceId) && { traceId }),
    ...(userId !== undefined && { userId }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(release !== undefined && { release }),
    payload: isRecord(payload) ? payload : {},
  }
}

/** When a record was written, in milliseconds since the epoch: its id says so. `undefined` for an id of another form. */
export function timeOfId(id: string): number | undefined {
  return SORTABLE_ID.test(id) ? Number.parseInt(id.slice(0, 12), 16) : undefined
}

function isMoment(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LAST_MOMENT
}

function label(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? cutText(value, MAX_LABEL) : undefined
}
