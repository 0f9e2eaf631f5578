import type { MessageActionName, SaidOfAction } from '../history/types.ts'
import { FEED } from './feed-topic.ts'

/** What the database says to a topic. */
export interface FeedMessage {
  readonly id: string
  /** When it was written, ISO 8601. */
  readonly at: string
  readonly topic: string
  readonly event: string
  readonly private: boolean
  /**
   * `row`: a change of a row. `more`: something that can't be sent, which whoever hears of it fetches by their cursor. `emptied`:
   * the payload's `table` was, as `more` for each topic that begins with this one. `access`: the payload's `user` may be in the topic
   * no more; without one, nobody in any topic that begins with this one may stay before they are asked again. `action`: what was done
   * to a channel's message. `missed`: of any topic something may be gone that was never handed on, removals among it.
   */
  readonly kind: 'row' | 'more' | 'emptied' | 'access' | 'action' | 'missed'
  /** The payload, that of a feed with its stamp, as JSON: numbers have the digits that the database wrote. */
  readonly json: string
  /** In place of the payload. */
  readonly bytes: Uint8Array | undefined
  /** The message's own position: see `position.ts`. */
  readonly cursor: string | undefined
  /** The same, read. Throws for what is nested too deeply to be read. */
  readonly payload: Readonly<Record<string, unknown>>
  /** Which row it is that is too large to be sent. */
  readonly outline?: RowOutline | undefined
  /** Of the work that wrote the row. */
  readonly traceparent: string | undefined
  /** Who wrote a channel's message, or did something to one. */
  readonly by?: string | undefined
  /** What was done to which message. Then the payload is what the message carries from now on, the name of a reaction or null. */
  readonly action?: Pick<SaidOfAction, 'action' | 'target' | 'event' | 'version'> | undefined
  /** Before this transaction there is none that was not handed on, in any topic. */
  readonly complete: string
}

/** What is known of a change whose row is too large to be read. */
export interface RowOutline {
  readonly schema: string
  readonly table: string
  readonly operation: string
  /** `members` where the owner is a group. */
  readonly readers?: string
}

/** A change out of the history. */
export interface FeedEvent extends Pick<FeedMessage, 'id' | 'event' | 'json' | 'payload'> {
  /** The row's id in the outbox. */
  readonly row: string
  /** The payload without its stamp, as JSON. */
  readonly body: string
}

/** A row of the outbox, as {@link LIVE_COLUMNS} reads it. */
export interface EventRow {
  readonly id: string | number | bigint
  readonly topic: string
  readonly event: string
  /** `null` for one that is too large to be read with others. */
  readonly payload: string | null
  readonly private: boolean
  /** Of a change that is too large, as JSON: see {@link RowOutline}. */
  readonly outline?: string | null
  readonly binary: Uint8Array | null
  /** The row's own cursor: see `position.ts`. */
  readonly cursor: string
  readonly xmin: string
  readonly at: string
  readonly traceparent: string | null
  readonly author: string | null
  /** The message's, where this is an action, and the event that it was sent as. */
  readonly target: string | number | bigint | null
  readonly target_event: string | null
}

/** Bytes of one row; of a larger one its listeners are told that it is there. */
export const MAX_ROW_BYTES = 1_000_000

const columns = (
  payload: string,
): string => `e.id, e.topic, e.event, e.private, (${payload})::text as payload, e.raw as binary,
  (select msc_feed.epoch()) || ':' || e.snapshot || '+' || e.xid || '.' || e.id as cursor,
  pg_snapshot_xmin(e.snapshot)::text as xmin, (${payload}) #>> '{record,traceparent}' as traceparent,
  e.author, e.target, case when e.target is not null then e.payload ->> 'event' end as target_event,
  to_char(e.inserted_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at`
/** That of an action is in an envelope. */
const PAYLOAD = "case when e.target is null then e.payload else e.payload -> 'value' end"
/** Of rows that are handed on, many at a time. */
export const LIVE_COLUMNS: string = `${columns(`case when e.bytes <= ${MAX_ROW_BYTES} then ${PAYLOAD} end`)},
  case when e.bytes > ${MAX_ROW_BYTES} and starts_with(e.topic, '${FEED}') and e.payload ? 'operation' then
    (e.payload - array['record', 'old_record'])::text end as outline`
/** Of history, where a row that is larger than a page has a page of its own. */
export const HISTORY_COLUMNS: string = columns(PAYLOAD)

/** Of messages as they are now. */
export const REPLAY_COLUMNS: string = columns(`coalesce((select a.payload -> 'value' from msc_feed.events as a
  where a.target = e.id and a.event = 'update' order by a.id desc limit 1), e.payload)`)

/** Before the table's name in the topic of what is said to all its topics. */
const TABLE = 'feed!'
/** The topic of the rows that say who may be in a topic no more. */
export const ACCESS = 'feed!:access'
const MORE = '{"_msc":{"more":true}}'

/** @param complete Default: what had ended when the row was written. */
export function toMessage(row: EventRow, complete: string = row.xmin): FeedMessage {
  const { topic, event, at, cursor } = row
  const id = `f${row.id}`
  if (topic === ACCESS) return toAccess(row, complete)
  if (topic.startsWith(TABLE)) return toEmptied(topic.slice(TABLE.length), { id, at, complete })
  if (row.payload === null) {
    const outline = row.outline ? (JSON.parse(row.outline) as RowOutline) : undefined
    return { ...tellMore(topic, 'more', { id, at, complete, private: row.private }), outline }
  }
  const traceparent = row.traceparent ?? undefined
  const json = topic.startsWith(FEED) ? stampedJson(row.payload, { id, cursor, traceparent }) : row.payload
  return {
    id,
    at,
    topic,
    event,
    private: row.private,
    kind: row.target === null ? 'row' : 'action',
    json,
    bytes: row.binary ?? undefined,
    cursor,
    get payload() {
      return readPayload(json)
    },
    traceparent,
    by: row.author ?? undefined,
    action: actionOf(row),
    complete,
  }
}

/** What a row did to a message; `undefined` for a row that is none of it. */
export function actionOf({ id, event, target, target_event: of }: EventRow): FeedMessage['action'] {
  if (target === null) return undefined
  return { action: event as MessageActionName, target: `f${target}`, event: of ?? '', version: versionOf(id) }
}

/** The id of a row so that a later one is greater as text. */
export const versionOf = (id: string | number | bigint): string => String(id).padStart(19, '0')

function toAccess({ id, event, at, payload: text }: EventRow, complete: string): FeedMessage {
  const json = text ?? '{}'
  const payload = readPayload(json)
  const nothing = { bytes: undefined, cursor: undefined, traceparent: undefined }
  return {
    ...nothing,
    id: `f${id}`,
    at,
    topic: String(payload['topic']),
    event,
    private: true,
    kind: 'access',
    json,
    payload,
    complete,
  }
}

/** A row as history has it. */
export function toEvent(row: EventRow): FeedEvent {
  const id = `f${row.id}`
  const body = row.payload ?? '{}'
  const stamp = { id, cursor: row.cursor, traceparent: row.traceparent ?? undefined }
  const json = row.topic.startsWith(FEED) ? stampedJson(body, stamp) : body
  return {
    row: String(row.id),
    id,
    event: row.event,
    body,
    json,
    get payload() {
      return readPayload(json)
    },
  }
}

/** Tells all topics of a table to fetch what they have not heard. */
function toEmptied(table: string, said: Pick<FeedMessage, 'id' | 'at' | 'complete'>): FeedMessage {
  const dot = table.indexOf('.')
  const place = dot === -1 ? { schema: 'public', table } : { schema: table.slice(0, dot), table: table.slice(dot + 1) }
  const payload = { ...place, operation: 'TRUNCATE', _msc: { more: true } }
  return { ...tellMore(`feed:${table}:`, 'emptied', said), payload, json: JSON.stringify(payload) }
}

/** Tells all topics that something of theirs may be gone. */
export const tellMissed = (): FeedMessage => tellMore('', 'missed')

/** Tells a topic, or each that begins with it, to fetch what it has not heard. */
export function tellMore(
  topic: string,
  kind: 'more' | 'emptied' | 'missed',
  { id = '', at = '', complete = '0', private: isPrivate = true }: Partial<FeedMessage> = {},
): FeedMessage {
  const payload = { _msc: { more: true } }
  const nothing = { bytes: undefined, cursor: undefined, traceparent: undefined }
  return { ...nothing, id, at, topic, event: 'more', private: isPrivate, kind, json: MORE, payload, complete }
}

/** An object's JSON with one property more. */
function stampedJson(json: string, stamp: Readonly<Record<string, unknown>>): string {
  const isEmpty = json.length === 2
  return `${json.slice(0, -1)}${isEmpty ? '' : ','}"_msc":${JSON.stringify(stamp)}}`
}

function readPayload(json: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(json) as Record<string, unknown>
  } catch (error) {
    throw new Error('[msc/realtime] A row of the outbox can not be read.', { cause: error })
  }
}
