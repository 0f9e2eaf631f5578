import { parseJson } from '@msc/core/http-request'
import { parseEnvelope, type EnvelopeItem } from '@msc/monitoring/wire'
import { list, record, text } from '../loose.ts'
import { MAX_RECORDS, countNotKept, type Accepted, type Received } from '../received.ts'
import { fromEvent, fromFeedback } from './sentry-event.ts'
import { fromCheckIn, fromClientReport, fromLog, fromMetric, fromSession, fromSessions } from './sentry-items.ts'
import { fromSpan, fromTransaction } from './sentry-spans.ts'
import { parseDate } from '../times.ts'
import type { Reading, Times } from './sentry-times.ts'

const READERS: ReadonlyMap<string, (payload: unknown, times: Times) => Reading> = new Map([
  ['event', fromEvent],
  ['transaction', fromTransaction],
  ['feedback', fromFeedback],
  ['check_in', fromCheckIn],
  ['session', fromSession],
  ['sessions', fromSessions],
  ['client_report', fromClientReport],
  ['log', each(fromLog)],
  ['trace_metric', each(fromMetric)],
  ['span', each(fromSpan)],
])

/** Reads an item with many records of one type. */
function each(read: (payload: unknown, times: Times) => Accepted) {
  return (payload: unknown, times: Times): Reading => {
    const { items } = record(payload)
    return (Array.isArray(items) ? list(items, MAX_RECORDS) : [payload]).map((item) => read(item, times))
  }
}

/**
 * Reads the items of a Sentry envelope that the journal has a place for. Other items are counted by type, and so is the
 * rest after an item that is cut off.
 *
 * Source: https://develop.sentry.dev/sdk/data-model/envelope-items/
 *
 * @throws Error when nothing of it can be read.
 */
export function fromSentry(body: Uint8Array, now: number): Received {
  const { headers, items, problem } = parseEnvelope(body)
  const times: Times = { now, sentAt: parseDate(headers['sent_at']) }
  const accepted: Accepted[] = []
  const notKept = new Map<string, number>()
  for (const item of items) {
    const read = readItem(item, times)
    const room = MAX_RECORDS - accepted.length
    accepted.push(...read.slice(0, room))
    const lost = read.length === 0 ? 1 : Math.max(0, read.length - room)
    if (lost > 0) countNotKept(notKept, text(item.type, 60) ?? 'item', lost)
  }
  if (problem !== undefined && items.length === 0) throw new Error(problem)
  if (problem !== undefined) countNotKept(notKept, problem)
  return { accepted, notKept }
}

/** Returns no records for an item of another type, or one that can't be read. */
function readItem({ type, payload }: EnvelopeItem, times: Times): Reading {
  const read = READERS.get(type)
  if (!read) return []
  try {
    return read(parseJson(new TextDecoder().decode(payload)), times)
  } catch {
    return []
  }
}
