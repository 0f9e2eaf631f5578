import type { JournalEntry, JournalKind } from '@msc/core'
import { fingerprintOf } from '@msc/monitoring'
import { parseEnvelope } from '@msc/monitoring/wire'
import { decodePostHogBody } from '@msc/analytics/wire'

/** Records of one request at most. */
const MAX_RECORDS = 500
const KINDS: ReadonlySet<string> = new Set<JournalKind>(['error', 'message', 'event', 'breadcrumb', 'exposure'])
const TRACE = /^[\da-f]{32}$/

/**
 * What the browser drivers of `@msc/monitoring` and `@msc/analytics` post: `{records: [{kind, name, ts, …}]}`.
 *
 * @throws Error when it is anything else.
 */
export function fromBrowser(body: Uint8Array): JournalEntry[] {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(body))
  const records = record(parsed)['records']
  if (!Array.isArray(records) || records.length > MAX_RECORDS) throw new Error('records expected')
  return records.map((each) => {
    const { kind, name, ts, userId, traceId, fingerprint, release, payload } = record(each)
    if (typeof kind !== 'string' || !KINDS.has(kind)) throw new Error('a kind that browsers may not write')
    if (typeof name !== 'string' || name === '') throw new Error('a record without a name')
    return entry(kind as JournalKind, name, {
      ts: typeof ts === 'number' ? ts : undefined,
      userId,
      traceId,
      fingerprint,
      release,
      payload: record(payload),
    })
  })
}

/** The events of a Sentry envelope; other items are accepted and left alone. */
export function fromSentry(body: Uint8Array): JournalEntry[] {
  return parseEnvelope(body)
    .items.filter(({ type }) => type === 'event')
    .slice(0, MAX_RECORDS)
    .map(({ payload }) => fromSentryEvent(record(JSON.parse(new TextDecoder().decode(payload)))))
}

function fromSentryEvent(event: Record<string, unknown>): JournalEntry {
  const values = array(record(event['exception'])['values']).map(record)
  // Sentry has the oldest cause first, and the oldest frame.
  const errors = values.toReversed().map(({ type, value, stacktrace }) => ({
    name: text(type) ?? 'Error',
    message: text(value) ?? '',
    stack: stackText(text(type) ?? 'Error', text(value) ?? '', array(record(stacktrace)['frames']).map(record)),
  }))
  const message = text(event['message']) ?? text(record(event['logentry'])['formatted']) ?? '(no message)'
  const first = errors[0]
  return entry(first ? 'error' : 'message', first ? `${first.name}: ${first.message}` : message, {
    ts: seconds(event['timestamp']),
    userId: record(event['user'])['id'],
    traceId: record(record(event['contexts'])['trace'])['trace_id'],
    fingerprint: record(record(event['contexts'])['msc'])['fingerprint'] ?? (first ? fingerprintOf(first) : undefined),
    release: event['release'],
    payload: {
      eventId: event['event_id'],
      level: event['level'] ?? 'error',
      errors,
      tags: record(event['tags']),
      extra: record(event['extra']),
      handled: record(values.at(-1)?.['mechanism'])['handled'] !== false,
      breadcrumbs: breadcrumbs(event['breadcrumbs']),
    },
  })
}

/** The events of any body that PostHog's SDKs send. */
export function fromPostHog(body: Uint8Array, query: URLSearchParams): JournalEntry[] {
  return decodePostHogBody(body, query)
    .events.slice(0, MAX_RECORDS)
    .map((event) =>
      entry(event.event === '$feature_flag_called' ? 'exposure' : 'event', event.event, {
        ts: event.timestamp === undefined ? undefined : Date.parse(event.timestamp),
        userId: event.distinctId,
        traceId: event.properties['$trace_id'],
        payload: { eventId: event.uuid, properties: event.properties },
      }),
    )
}

interface Loose {
  readonly ts: number | undefined
  readonly userId?: unknown
  readonly traceId?: unknown
  readonly fingerprint?: unknown
  readonly release?: unknown
  readonly payload: Readonly<Record<string, unknown>>
}

function entry(kind: JournalKind, name: string, loose: Loose): JournalEntry {
  const { ts, traceId, payload } = loose
  const userId = text(loose.userId)?.slice(0, 200)
  const fingerprint = text(loose.fingerprint)?.slice(0, 100)
  const release = text(loose.release)?.slice(0, 100)
  return {
    kind,
    name: name.slice(0, 500),
    payload,
    // A clock that is a day off is wrong; the time of arrival is better.
    ...(ts !== undefined && Math.abs(ts - Date.now()) < 86_400_000 && { ts }),
    ...(userId && { userId }),
    ...(typeof traceId === 'string' && TRACE.test(traceId) && { traceId }),
    ...(fingerprint && { fingerprint }),
    ...(release && { release }),
  }
}

function stackText(name: string, message: string, frames: readonly Record<string, unknown>[]): string {
  const lines = frames
    .toReversed()
    .map(
      ({ function: fn, filename, lineno, colno }) =>
        `    at ${text(fn) ?? '?'} (${text(filename) ?? '?'}:${Number(lineno ?? 0)}:${Number(colno ?? 0)})`,
    )
  return [`${name}: ${message}`, ...lines].join('\n')
}

function breadcrumbs(value: unknown): unknown[] {
  const all = Array.isArray(value) ? value : array(record(value)['values'])
  return all.map(record).map((each) => ({ ...each, timestamp: seconds(each['timestamp']) ?? 0 }))
}

/** Sentry's times are seconds since the epoch, or ISO 8601. */
function seconds(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? value * 1000 : Date.parse(String(value))
  return Number.isFinite(ms) ? ms : undefined
}
function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
function array(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
