import { toRecord, type SpanSignal } from '@msc/monitoring'
import { attributesOf } from './sentry-items.ts'
import { eventIdOf, list, record, spanIdOf, text, traceIdOf, type Loose } from '../loose.ts'
import type { Accepted } from '../received.ts'
import { momentOf, type Reading, type Times } from './sentry-times.ts'

const MAX_SPANS = 500
const LONGEST_MS = 3_600_000

/** Reads a single span. Source: https://develop.sentry.dev/sdk/telemetry/spans/span-protocol/ */
export function fromSpan(payload: unknown, times: Times): Accepted {
  const span = record(payload)
  const attributes = attributesOf(span['attributes'] ?? span['data'])
  return spanEntry(span, {
    name: text(span['name'], 200) ?? text(span['description'], 200),
    operation: text(attributes['sentry.op'], 100) ?? text(span['op'], 100),
    end: span['end_timestamp'] ?? span['timestamp'],
    attributes,
    times,
  })
}

/** Reads a transaction: a span with the spans inside it. */
export function fromTransaction(payload: unknown, times: Times): Reading {
  const event = record(payload)
  const trace = record(record(event['contexts'])['trace'])
  const root = spanEntry(
    { ...trace, start_timestamp: event['start_timestamp'] },
    {
      name: text(event['transaction'], 200),
      operation: text(trace['op'], 100),
      end: event['timestamp'],
      attributes: attributesOf(trace['data']),
      times,
    },
  )
  const id = eventIdOf(event['event_id'])
  const children = list(event['spans'], MAX_SPANS).map((each, position) => {
    const child = fromSpan(each, times)
    return { ...child, ...(id !== undefined && { once: `span ${id} ${position}` }) }
  })
  return [{ ...root, ...(id !== undefined && { once: `transaction ${id}` }) }, ...children]
}

interface SpanParts {
  readonly name: string | undefined
  readonly operation: string | undefined
  readonly end: unknown
  readonly attributes: Readonly<Record<string, unknown>>
  readonly times: Times
}

/** @throws Error for a span without a trace. */
function spanEntry(span: Loose, { name, operation, end, attributes, times }: SpanParts): Accepted {
  const traceId = traceIdOf(span['trace_id'])
  const spanId = spanIdOf(span['span_id'])
  if (traceId === undefined || spanId === undefined) throw new Error('The span has no trace.')
  const parentSpanId = spanIdOf(span['parent_span_id'])
  const { status } = span
  const timestamp = momentOf(span['start_timestamp'], times)
  const ended = Math.min(Math.max(timestamp, momentOf(end, times)), timestamp + LONGEST_MS)
  const signal: SpanSignal = {
    kind: 'span',
    id: '',
    timestamp,
    tags: {},
    traceId,
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name: name ?? operation ?? '(no name)',
    operation: operation ?? 'default',
    endTimestamp: ended,
    status: status === undefined || status === null ? 'unset' : status === 'ok' ? 'ok' : 'error',
    attributes,
  }
  return { entry: toRecord(signal) }
}
