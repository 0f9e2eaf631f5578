import { parseJson } from '@msc/core/http-request'
import { postHogText, readPostHogBatch, type WireEvent } from '@msc/analytics/wire'
import { eventIdOf, finite, record, text, traceIdOf, type Loose } from './loose.ts'
import { MAX_RECORDS, TooManyError, countNotKept, type Accepted, type Received } from './received.ts'
import { occurredAt, parseDate } from './times.ts'

/** Events of recordings: large, frequent, and useless without a player. */
const RECORDINGS: ReadonlySet<string> = new Set(['$snapshot', '$snapshot_items', '$performance_event'])

/**
 * Reads the events of any body that PostHog's SDKs send, decompressed: what is compressed twice is none of theirs.
 *
 * Their times are corrected as PostHog does: by `sent_at` of the body, `_` of the query, or `offset`, the milliseconds
 * that the event waited. Source: `plugin-server/src/worker/ingestion/timestamps.ts` in
 * https://github.com/PostHog/posthog
 *
 * @throws Error when it can't be read, TooManyError for more events than one body may have.
 */
export function fromPostHog(body: Uint8Array, query: URLSearchParams, now: number): Received {
  const parsed = parseJson(postHogText(body, query))
  const { events } = readPostHogBatch(parsed)
  const { sentAt, offsets } = timesOf(parsed, query)
  const notKept = new Map<string, number>()
  const accepted: Accepted[] = []
  for (const [position, event] of events.entries()) {
    if (RECORDINGS.has(event.event)) countNotKept(notKept, event.event)
    else if (accepted.length === MAX_RECORDS) throw new TooManyError()
    else accepted.push(fromEvent(event, { sentAt, offset: offsets[position], now }))
  }
  return { accepted, notKept }
}

interface Times {
  readonly sentAt: number | undefined
  readonly offset: number | undefined
  readonly now: number
}

function fromEvent({ event, distinctId, uuid, timestamp, properties }: WireEvent, times: Times): Accepted {
  const { sentAt, offset, now } = times
  const id = eventIdOf(uuid)
  const traceId = traceIdOf(properties['$trace_id'])
  const at = parseDate(timestamp)
  return {
    entry: {
      kind: event === '$feature_flag_called' ? 'exposure' : 'event',
      name: text(event, 200) ?? '(no name)',
      ts:
        at === undefined && offset !== undefined && offset >= 0
          ? occurredAt(now - offset, undefined, now)
          : occurredAt(at, properties['$ignore_sent_at'] === true ? undefined : sentAt, now),
      ...(distinctId !== '' && { userId: distinctId }),
      ...(traceId !== undefined && { traceId }),
      payload: { eventId: id, properties },
    },
    once: id && `event ${id}`,
  }
}

/**
 * Reads the times that the decoded events no longer have. In the order of the body's events, only for those that have a
 * name.
 */
function timesOf(
  parsed: unknown,
  query: URLSearchParams,
): { readonly sentAt: number | undefined; readonly offsets: readonly (number | undefined)[] } {
  const envelope = record(parsed)
  const all = Array.isArray(parsed) ? parsed : Array.isArray(envelope['batch']) ? envelope['batch'] : [parsed]
  const named = all.map(record).filter((each: Loose) => typeof each['event'] === 'string')
  return {
    sentAt: parseDate(envelope['sent_at']) ?? sentAtOf(query),
    offsets: named.map((each: Loose) => finite(each['offset'])),
  }
}

function sentAtOf(query: URLSearchParams): number | undefined {
  const at = query.get('_')
  return at !== null && /^\d{13}$/.test(at) ? Number(at) : undefined
}
