import { parseJson } from '@msc/core/http-request'
import type { JournalEntry, JournalKind } from '@msc/core'
import { breadcrumbsOf, errorValues, levelOf, MAX_MESSAGE } from './errors.ts'
import { eventIdOf, finite, record, spanIdOf, tagsOf, text, traceIdOf, type Loose } from './loose.ts'
import { MAX_RECORDS, TooManyError, type Accepted, type Received } from './received.ts'
import { occurredAt } from './times.ts'

/** The kinds that a browser may write: none that describes the server's operations. */
const KINDS: ReadonlySet<string> = new Set<JournalKind>([
  'error',
  'message',
  'event',
  'exposure',
  'breadcrumb',
  'log',
  'feedback',
])
/** Fields in which a record describes an operation of the server. */
const OF_OPERATIONS = ['durationMs', 'endTimestamp', 'attributes', 'parentSpanId', 'receivedFrom']

/**
 * Reads what the browser drivers of `@msc/monitoring` and `@msc/analytics` post: `{records: [{kind, name, ts, …}]}`.
 *
 * @throws Error for anything else, TooManyError for more records than one body may have.
 */
export function fromBrowser(body: Uint8Array, now: number): Received {
  const { records, sentAt } = record(parseJson(new TextDecoder().decode(body)))
  if (!Array.isArray(records)) throw new Error('records expected')
  if (records.length > MAX_RECORDS) throw new TooManyError()
  return { accepted: records.map((each) => fromRecord(record(each), finite(sentAt), now)), notKept: new Map() }
}

function fromRecord(given: Loose, sentAt: number | undefined, now: number): Accepted {
  const { kind, ts, userId, traceId, release, fingerprint } = given
  if (typeof kind !== 'string' || !KINDS.has(kind)) throw new Error('A record has a kind that browsers may not write.')
  const name = text(given['name'], MAX_MESSAGE)
  if (name === undefined) throw new Error('A record has no name.')
  const payload = record(given['payload'])
  const trace = traceIdOf(traceId)
  const version = text(release, 100)
  const isEvent = kind === 'error' || kind === 'message'
  const entry: JournalEntry = {
    kind: kind as JournalKind,
    name,
    ts: occurredAt(finite(ts), sentAt, now),
    ...(typeof userId === 'string' && userId !== '' && { userId }),
    ...(trace !== undefined && { traceId: trace }),
    ...(version !== undefined && { release: version }),
    payload: isEvent ? eventPayload(kind, name, payload, sentAt, now) : otherPayload(payload),
  }
  const id = eventIdOf(payload['eventId'])
  const chosen = payload['fingerprintChosen'] === true ? text(fingerprint, 200) : undefined
  return { entry, once: id && `${kind} ${id}`, chosenFingerprint: chosen === undefined ? undefined : [chosen] }
}

/** Copies single fields, so that a sender can't set any other field of a signal. */
function eventPayload(kind: string, name: string, given: Loose, sentAt: number | undefined, now: number): Loose {
  const errors = kind === 'error' ? errorValues(given['errors']) : []
  return {
    eventId: eventIdOf(given['eventId']),
    level: levelOf(given['level'], kind === 'error' ? 'error' : 'info'),
    message: text(given['message'], MAX_MESSAGE) ?? name,
    ...(kind === 'error' && { errors, handled: given['handled'] !== false }),
    user: given['user'] === undefined ? undefined : record(given['user']),
    spanId: spanIdOf(given['spanId']),
    environment: text(given['environment'], 100),
    tags: tagsOf(given['tags']),
    breadcrumbs: breadcrumbsOf(given['breadcrumbs'], finite, sentAt, now),
    extra: record(given['extra']),
  }
}

function otherPayload(given: Loose): Loose {
  const names = Object.keys(given).slice(0, 100)
  return Object.fromEntries(names.filter((name) => !OF_OPERATIONS.includes(name)).map((name) => [name, given[name]]))
}
