import { plainJson, writeEach, type Rejection } from '@msc/core/delivery'
import type {
  CheckInSignal,
  DropsSignal,
  FeedbackSignal,
  LogSignal,
  MetricSignal,
  SessionSignal,
  Signal,
  SpanSignal,
} from '../../signals.ts'
import { toEvent, traceContext } from './event.ts'

/** The body of one request, with the ids of its signals. */
export interface Envelope {
  readonly ids: readonly string[]
  readonly body: string
}

const SDK = { name: 'msc.monitoring', version: '1.0.0' }

/** The kinds of which Sentry accepts many in one item, with the item's type. */
const CONTAINERS = { log: 'log', metric: 'trace_metric', span: 'span' } as const

/** Signals in Sentry's format, and those that could not be written. */
export interface Envelopes {
  readonly envelopes: readonly Envelope[]
  readonly rejected: readonly Rejection[]
}

/**
 * Writes signals as Sentry envelopes: one for all logs, one for all metrics, one for all spans, and one for each other
 * signal, so that each has its own answer.
 *
 * Source: https://develop.sentry.dev/sdk/data-model/envelopes/
 */
export function toEnvelopes(signals: readonly Signal[], platform: string, now: number): Envelopes {
  const { written, rejected } = writeEach(signals, (signal) => {
    if (isMember(signal)) return plainJson(memberOf(signal))
    const { header, payload } = itemOf(signal, platform)
    return lines(headerOf(signal, now), header, plainJson(payload))
  })
  const envelopes: Envelope[] = []
  const together = new Map<keyof typeof CONTAINERS, { ids: string[]; items: string[] }>()
  for (const { item: signal, as: text } of written) {
    if (!isMember(signal)) {
      envelopes.push({ ids: [signal.id], body: text })
      continue
    }
    const members = together.get(signal.kind) ?? { ids: [], items: [] }
    members.ids.push(signal.id)
    members.items.push(text)
    together.set(signal.kind, members)
  }
  for (const [kind, { ids, items }] of together) {
    const type = CONTAINERS[kind]
    const contentType = `application/vnd.sentry.items.${type.replace('_', '-')}+json`
    const header = { type, item_count: items.length, content_type: contentType }
    envelopes.push({ ids, body: lines(sentAt(now), header, `{"items":[${items.join(',')}]}`) })
  }
  return { envelopes, rejected }
}

type Member = LogSignal | MetricSignal | SpanSignal

function isMember(signal: Signal): signal is Member {
  return Object.hasOwn(CONTAINERS, signal.kind)
}

/** Makes an envelope without items, for which Sentry checks the key but counts nothing. */
export const emptyEnvelope = (now: number): string => `${plainJson(sentAt(now))}\n`

function sentAt(now: number): object {
  return { sent_at: new Date(now).toISOString(), sdk: SDK }
}

function headerOf(signal: Signal, now: number): object {
  const isEvent = signal.kind === 'error' || signal.kind === 'message' || signal.kind === 'feedback'
  return { ...(isEvent && { event_id: signal.id }), ...sentAt(now) }
}

/** Joins the lines of an envelope. The payload contains no newline, since JSON escapes those in texts. */
function lines(header: object, itemHeader: object, payload: string): string {
  return `${plainJson(header)}\n${plainJson(itemHeader)}\n${payload}\n`
}

type Alone = Exclude<Signal, { readonly kind: keyof typeof CONTAINERS }>

function itemOf(signal: Alone, platform: string): { readonly header: object; readonly payload: object } {
  switch (signal.kind) {
    case 'error':
    case 'message':
      return { header: { type: 'event' }, payload: toEvent(signal, platform) }
    case 'check-in':
      return { header: { type: 'check_in' }, payload: toCheckIn(signal) }
    case 'session':
      return { header: { type: 'session' }, payload: toSession(signal) }
    case 'feedback':
      return { header: { type: 'feedback' }, payload: toFeedback(signal, platform) }
    case 'drops':
      return { header: { type: 'client_report' }, payload: toClientReport(signal) }
  }
}

function toCheckIn(signal: CheckInSignal): object {
  const { monitor, checkInId, status, durationMs, schedule, release, environment = 'production' } = signal
  return {
    check_in_id: checkInId,
    monitor_slug: monitor,
    status,
    environment,
    ...(durationMs !== undefined && { duration: durationMs / 1000 }),
    ...(release !== undefined && { release }),
    ...(schedule && {
      monitor_config: { schedule: { type: 'crontab', value: schedule.crontab }, timezone: schedule.timezone },
    }),
    contexts: traceContext(signal),
  }
}

function toSession(signal: SessionSignal): object {
  const { sessionId, status, errors, init, startedAt, timestamp, user, release = 'unknown', environment } = signal
  return {
    sid: sessionId,
    init,
    status,
    errors,
    started: new Date(startedAt).toISOString(),
    timestamp: new Date(timestamp).toISOString(),
    ...(user && { did: user.id }),
    attrs: { release, environment: environment ?? 'production' },
  }
}

function toFeedback(signal: FeedbackSignal, platform: string): object {
  const { id, timestamp, message, eventId, tags, user, release, environment = 'production' } = signal
  return {
    event_id: id,
    timestamp: timestamp / 1000,
    platform,
    level: 'info',
    tags,
    ...(user && { user }),
    ...(release !== undefined && { release }),
    environment,
    contexts: {
      ...traceContext(signal),
      feedback: { message, ...(eventId !== undefined && { associated_event_id: eventId }) },
    },
  }
}

/** Sentry's names for the reasons of losses. */
const REASONS: Readonly<Record<DropsSignal['counts'][number]['reason'], string>> = {
  'queue full': 'queue_overflow',
  'too large': 'too_big',
  refused: 'send_error',
  unauthorized: 'send_error',
  'retries exhausted': 'network_error',
  closed: 'network_error',
  unreadable: 'internal_sdk_error',
  filtered: 'before_send',
}

/** Sentry's names for the kinds of signals, in its limits and in client reports. */
export const CATEGORIES: Readonly<Record<string, string>> = {
  error: 'error',
  message: 'error',
  log: 'log_item',
  span: 'span',
  metric: 'trace_metric',
  'check-in': 'monitor',
  session: 'session',
  feedback: 'feedback',
}

function toClientReport({ timestamp, counts }: DropsSignal): object {
  return {
    timestamp: timestamp / 1000,
    discarded_events: counts.map(({ kind, reason, count }) => ({
      reason: REASONS[reason],
      category: CATEGORIES[kind] ?? 'default',
      quantity: count,
    })),
  }
}

function memberOf(signal: Member): object {
  const common = {
    trace_id: signal.traceId ?? '0'.repeat(32),
    ...(signal.spanId !== undefined && { span_id: signal.spanId }),
  }
  if (signal.kind === 'log') {
    const { timestamp, level, message } = signal
    return {
      ...common,
      timestamp: timestamp / 1000,
      level: level === 'warning' ? 'warn' : level,
      body: message,
      attributes: attributesOf(signal, signal.attributes),
    }
  }
  if (signal.kind === 'metric') {
    const { timestamp, name, type, value, unit } = signal
    return {
      ...common,
      timestamp: timestamp / 1000,
      name,
      type,
      value,
      ...(unit !== undefined && { unit }),
      attributes: attributesOf(signal, {}),
    }
  }
  const { timestamp, endTimestamp, name, operation, status, parentSpanId } = signal
  return {
    ...common,
    ...(parentSpanId !== undefined && { parent_span_id: parentSpanId }),
    name,
    status: status === 'error' ? 'error' : 'ok',
    is_segment: parentSpanId === undefined,
    start_timestamp: timestamp / 1000,
    end_timestamp: endTimestamp / 1000,
    attributes: attributesOf(signal, { ...signal.attributes, 'sentry.op': operation }),
  }
}

/** Returns the attributes with their types, which Sentry requires. */
function attributesOf(
  { tags, release, environment, user }: Signal,
  attributes: Readonly<Record<string, unknown>>,
): Record<string, object> {
  const all = {
    ...tags,
    ...attributes,
    ...(release !== undefined && { 'sentry.release': release }),
    'sentry.environment': environment ?? 'production',
    ...(user && { 'user.id': user.id }),
  }
  return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => typed(name, value)))
}

function typed(name: string, value: unknown): [string, object][] {
  if (value === undefined || value === null) return []
  if (typeof value === 'boolean') return [[name, { value, type: 'boolean' }]]
  if (typeof value === 'number') return [[name, { value, type: Number.isInteger(value) ? 'integer' : 'double' }]]
  return [[name, { value: typeof value === 'string' ? value : plainJson(value), type: 'string' }]]
}
