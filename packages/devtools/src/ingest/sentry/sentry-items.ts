import type { JournalEntry } from '@msc/core'
import { toRecord, type MetricSignal, type SessionSignal, type CheckInSignal } from '@msc/monitoring'
import { cutText } from '../../cut-text.ts'
import { MAX_MESSAGE, levelOf } from '../errors.ts'
import { entriesOf, eventIdOf, finite, index, list, record, spanIdOf, text, traceIdOf } from '../loose.ts'
import type { Accepted } from '../received.ts'
import { momentOf, type Reading, type Times } from './sentry-times.ts'

const MAX_ATTRIBUTES = 100

/** Source: https://develop.sentry.dev/sdk/telemetry/check-ins/ */
export function fromCheckIn(payload: unknown, times: Times): Reading {
  const { check_in_id, monitor_slug, status, duration, release, environment, monitor_config, contexts } =
    record(payload)
  const seconds = finite(duration)
  const { schedule, timezone } = record(monitor_config)
  const crontab = text(record(schedule)['value'], 100)
  const traceId = traceIdOf(record(record(contexts)['trace'])['trace_id'])
  const signal: CheckInSignal = {
    kind: 'check-in',
    id: '',
    timestamp: times.now,
    tags: {},
    monitor: text(monitor_slug, 100) ?? '(no name)',
    checkInId: eventIdOf(check_in_id) ?? '',
    status: status === 'ok' || status === 'in_progress' ? status : 'error',
    ...(seconds !== undefined && seconds >= 0 && { durationMs: Math.min(seconds * 1000, 86_400_000) }),
    ...(traceId !== undefined && { traceId }),
    ...labels(release, environment),
    ...(crontab !== undefined && { schedule: { crontab, timezone: text(timezone, 100) ?? 'UTC' } }),
  }
  return [{ entry: toRecord(signal) }]
}

/** Source: https://develop.sentry.dev/sdk/telemetry/sessions/ */
export function fromSession(payload: unknown, times: Times): Reading {
  const { sid, init, status, errors, started, timestamp, did, attrs } = record(payload)
  const { release, environment } = record(attrs)
  // Not cut: the whole id tells persons apart, and all of it has to be hidden.
  const user = typeof did === 'string' && did !== '' ? did : undefined
  const signal: SessionSignal = {
    kind: 'session',
    id: '',
    timestamp: momentOf(timestamp, times),
    tags: {},
    sessionId: eventIdOf(sid) ?? '',
    status: status === 'exited' || status === 'crashed' || status === 'abnormal' ? status : 'ok',
    errors: index(errors, 1_000_000) ?? 0,
    init: init === true,
    startedAt: momentOf(started, times),
    ...(user !== undefined && { user: { id: user } }),
    ...labels(release, environment),
  }
  return [{ entry: toRecord(signal) }]
}

/** Reads a server's sessions, which are counted by the minute. */
export function fromSessions(payload: unknown, times: Times): Reading {
  const { aggregates, attrs } = record(payload)
  const { release, environment } = record(attrs)
  return list(aggregates, 100).map((each) => {
    const { started, exited, errored, crashed, abnormal } = record(each)
    const counts = { exited, errored, crashed, abnormal }
    const said = Object.entries(counts).filter(([, count]) => (index(count, 1e9) ?? 0) > 0)
    const name = said.map(([status, count]) => `${String(count)} ${status}`).join(', ')
    const entry: JournalEntry = {
      kind: 'session',
      name: name || 'no sessions',
      ts: momentOf(started, times),
      ...(text(release, 100) !== undefined && { release: text(release, 100) as string }),
      payload: { counts: Object.fromEntries(said), environment: text(environment, 100) },
    }
    return { entry }
  })
}

/** Reads what an SDK lost before it could send it. */
export function fromClientReport(payload: unknown, times: Times): Reading {
  const { discarded_events, timestamp } = record(payload)
  const counts = list(discarded_events, 50).map((each) => {
    const { reason, category, quantity } = record(each)
    return {
      kind: text(category, 60) ?? 'unknown',
      reason: text(reason, 60) ?? 'unknown',
      count: index(quantity, 1e9) ?? 0,
    }
  })
  const name = counts.map(({ kind, reason, count }) => `${count} ${kind}: ${reason}`).join(', ')
  const entry: JournalEntry = {
    kind: 'drops',
    name: cutText(name, MAX_MESSAGE) || 'nothing',
    ts: momentOf(timestamp, times),
    payload: { counts },
  }
  return [{ entry }]
}

/** Source: https://develop.sentry.dev/sdk/telemetry/logs/ */
export function fromLog(payload: unknown, times: Times): Accepted {
  const item = record(payload)
  return {
    entry: toRecord({
      kind: 'log',
      ...memberOf(item, times),
      level: levelOf(item['level'], 'info'),
      message: text(item['body'], MAX_MESSAGE) ?? '(no message)',
      attributes: attributesOf(item['attributes']),
    }),
  }
}

/** Source: https://develop.sentry.dev/sdk/telemetry/metrics/ */
export function fromMetric(payload: unknown, times: Times): Accepted {
  const item = record(payload)
  const { type } = item
  const unit = text(item['unit'], 50)
  const signal: MetricSignal = {
    kind: 'metric',
    ...memberOf(item, times),
    name: text(item['name'], 200) ?? '(no name)',
    type: type === 'gauge' || type === 'distribution' ? type : 'counter',
    value: finite(item['value']) ?? 0,
    ...(unit !== undefined && { unit }),
  }
  const entry = toRecord(signal)
  return { entry: { ...entry, payload: { ...entry.payload, attributes: attributesOf(item['attributes']) } } }
}

function memberOf(item: Readonly<Record<string, unknown>>, times: Times) {
  const traceId = traceIdOf(item['trace_id'])
  const spanId = spanIdOf(item['span_id'])
  return {
    id: '',
    timestamp: momentOf(item['timestamp'], times),
    tags: {},
    ...(traceId !== undefined && { traceId }),
    ...(spanId !== undefined && { spanId }),
  }
}

function labels(release: unknown, environment: unknown) {
  const version = text(release, 100)
  const place = text(environment, 100)
  return { ...(version !== undefined && { release: version }), ...(place !== undefined && { environment: place }) }
}

/** Sentry wraps each attribute with its type: `{ value, type }`. */
export function attributesOf(value: unknown): Record<string, unknown> {
  return Object.fromEntries(
    entriesOf(value, MAX_ATTRIBUTES).map(([name, member]) => [
      cutText(name, 100),
      typeof member === 'object' && member !== null && 'value' in member
        ? (member as { value: unknown }).value
        : member,
    ]),
  )
}
