import { ACTION_EVENT, type ActionMeta, type MessageState, type Reactions } from '../history/types.ts'
import {
  MAX_ACTIONS,
  MAX_NAMES,
  type ActionOutcome,
  type Found,
  type LatestWish,
  type NewAction,
  type NewMessage,
} from '../server/history/store.ts'
import { TOO_LARGE } from '../server/history/unstorable.ts'
import { digitsOfExponents } from '../server/wire/exact.ts'
import { actionOf, HISTORY_COLUMNS, MAX_ROW_BYTES, versionOf, type EventRow } from './message.ts'
import type { FeedPageJson } from './page.ts'
import { atOnce, type Ask } from './reading/queries.ts'

/** What a source can do with the messages of channels, which are not its own. */
export interface FeedKeeping {
  /** Writes messages, all or none, which then come live. Their ids, in order: of one that was written before, the id of then. */
  append(messages: readonly NewMessage[]): Promise<readonly string[]>
  /** @param ask As of the source's `since`. */
  keptSince(topic: string, isPrivate: boolean, after: string | undefined, max: number, ask?: Ask): Promise<FeedPageJson>
  latest(topic: string, isPrivate: boolean, wish: LatestWish, ask?: Ask): Promise<FeedPageJson>
  /** A message that is neither deleted nor older. */
  find(topic: string, isPrivate: boolean, id: string, sinceMs: number): Promise<Found | undefined>
  /** Does something to a message, which then comes live. */
  act(action: NewAction, sinceMs: number): Promise<ActionOutcome>
}

type Query = <Row>(text: string, values: unknown[]) => Promise<Row[]>
type Row = (EventRow | { readonly id: null }) & {
  readonly gap: boolean
  readonly more: boolean
  readonly last: string
}
const isEvent = <R extends Row>(row: R): row is R & EventRow => row.id !== null

type LatestRow = Row & {
  readonly deleted: string | number | bigint | null
  readonly edited: string | number | bigint | null
  readonly edited_at: string | null
  readonly now: string | null
  readonly reactions: string | null
}

/**
 * @param begun Whoever asked for where a topic is before this could miss what lies between.
 * @param announce Resolves when it has been announced what these rows say: nobody reads them before.
 * @param onGap Called when somebody reads on from where nothing is kept any more.
 */
export function createKeeping(
  query: Query,
  begun: () => Promise<void> | undefined,
  announce: (topic: string, rows: readonly EventRow[]) => Promise<void>,
  onGap: () => void,
): FeedKeeping {
  return {
    async append(messages) {
      for (const { payload } of messages) assertWritable(payload)
      const rows = await query<{ id: string | number | bigint | null }>(APPEND, [
        messages.map(({ topic }) => topic),
        messages.map(({ event }) => event),
        messages.map(({ payload }) => payload),
        messages.map((message) => message.private),
        messages.map(({ by }) => by ?? null),
        messages.map(({ once }) => once ?? null),
        messages.map(({ mustBeTold }) => mustBeTold ?? false),
      ])
      if (rows.some(({ id }) => id === null)) throw tooLarge()
      return rows.map(({ id }) => `f${id}`)
    },
    async keptSince(topic, isPrivate, after, max, ask = atOnce) {
      await begun()
      const rows = await ask(() => query<Row>(SINCE, [topic, after ?? null, max, isPrivate]))
      await announce(topic, rows.filter(isEvent))
      const page = pageOf(rows)
      if (page.gap) onGap()
      return page
    },
    async latest(topic, isPrivate, { max, before, id, sinceMs, newest }, ask = atOnce) {
      await begun()
      const [end, only] = [before, id].map((each) => (each === undefined ? null : rowOf(each)))
      const rows = await ask(() => query<LatestRow>(LATEST, [topic, isPrivate, end, sinceMs, max, only, newest]))
      await announce(topic, rows.filter(isEvent))
      return pageOf(rows, stateOf)
    },
    async find(topic, isPrivate, id, sinceMs) {
      const [row] = await query<{ event: string; author: string | null }>(FIND, [rowOf(id), topic, isPrivate, sinceMs])
      return row && { event: row.event, by: row.author ?? undefined }
    },
    async act({ topic, private: isPrivate, target, action, value, by, mustBeTold = false }, sinceMs) {
      assertWritable(value)
      const wish = [topic, isPrivate, rowOf(target), action, value, by ?? null, sinceMs, MAX_NAMES, MAX_ACTIONS]
      const [row] = await query<{ outcome: ActionOutcome | null }>(ACT, [...wish, mustBeTold])
      if (row?.outcome === null) throw tooLarge()
      return row?.outcome ?? 'unknown'
    },
  }
}

/** How many times as long a payload may become by its exponents, and how many digits it may have by them in any case. */
const MAX_GROWTH = 8
const MAX_GROWN = 4096

/**
 * Postgres writes numbers out: a few characters such as `1e131071` would be kept, and read by everybody, as 128 KiB.
 *
 * @throws RangeError with the code that Postgres has for a number that is too large.
 */
function assertWritable(json: string): void {
  if (digitsOfExponents(json) <= MAX_GROWN + MAX_GROWTH * json.length) return
  throw Object.assign(new RangeError('[msc/realtime] The numbers of a payload are too large to be written out.'), {
    code: '22003',
  })
}

/** Postgres says it so of its own limits. */
const tooLarge = (): RangeError =>
  Object.assign(new RangeError('[msc/realtime] A message is too large to be told live as the database writes it.'), {
    code: TOO_LARGE,
  })

/** The row of an id; of what is none of ours, one that there never is. */
const rowOf = (id: string): string => /^f(\d{1,18})$/.exec(id)?.[1] ?? '0'

interface State extends MessageState {
  readonly json?: string
}

function stateOf({ deleted, edited, edited_at: editedAt, now, reactions }: LatestRow): State {
  if (deleted !== null) return { json: 'null', version: versionOf(deleted), deleted: true }
  return {
    ...(edited !== null && { version: versionOf(edited), editedAt: editedAt ?? '', json: now ?? 'null' }),
    ...(reactions !== null && { reactions: JSON.parse(reactions) as Reactions }),
  }
}

/** What is said of an action to those who hear of it. `json`: what it carries. */
export function actionMeta(
  said: Pick<ActionMeta, 'id' | 'at' | 'by' | 'cursor'>,
  action: Pick<ActionMeta, 'action' | 'target' | 'event' | 'version'>,
  json: string,
): ActionMeta {
  const isReaction = action.action === 'react' || action.action === 'unreact'
  return { ...said, ...action, ...(isReaction && { name: JSON.parse(json) as string }) }
}

function pageOf<R extends Row>(rows: readonly R[], stateIn: (row: R) => State = () => ({})): FeedPageJson {
  const [first] = rows
  const events = rows.flatMap((row): FeedPageJson['events'] => {
    if (row.id === null || row.payload === null) return []
    const { id, at, cursor, author, payload: sent, event } = row
    const said = { id: `f${id}`, at, cursor, ...(author !== null && { by: author }) }
    const action = actionOf(row)
    if (action) {
      const json = action.action === 'update' ? sent : 'null'
      return [{ event: ACTION_EVENT, json, meta: actionMeta(said, action, sent) }]
    }
    const { json = sent, ...state } = stateIn(row)
    return [{ event, json, meta: { ...said, ...state } }]
  })
  return { gap: first?.gap ?? false, more: first?.more ?? false, cursor: first?.last ?? '', events }
}

/**
 * Whether a payload can be told live, in an envelope of some bytes. The database makes texts of numbers with more digits than
 * JavaScript keeps, by which nothing grows by more than an eighth, so only what is nearly too large is looked through.
 */
const isTold = (payload: string, envelope = 0): string => `case
    when octet_length((${payload})::text) <= ${(MAX_ROW_BYTES * 7) / 8 - envelope} then true
    else octet_length(msc_feed.exact(${payload})::text) <= ${MAX_ROW_BYTES - envelope}
  end`
/** All or none: where one of them can't be told live and has to be, none has an id. */
const APPEND = `with m as materialized (
    select m.topic, m.event, m.payload::jsonb as payload, m.private, m.author, m.once, m.told, m.nth
      from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::boolean[]) with ordinality
        as m (topic, event, payload, private, author, once, told, nth)
  ), fits as materialized (
    select bool_and(case when m.told then ${isTold('m.payload')} else true end) as all from m
  )
  select case when fits.all then msc_feed.publish(m.topic, m.event, m.payload, m.private, null, m.author, null, m.once) end as id
    from m, fits order by m.nth`
/** Of a message that is deleted nothing is told but that; bytes, which SQL alone can send there, are not kept. */
const SINCE = `select u.gap, u.more, u.cursor as last, ${HISTORY_COLUMNS}
  from msc_feed.unheard($1, $2, $3) as u left join msc_feed.events as e on e.id = any (u.ids) and e.private = $4
    and e.raw is null and (e.target is not null and e.event = 'delete' or not exists (
      select from msc_feed.events as d where d.target = coalesce(e.target, e.id) and d.event = 'delete'))
  order by e.id`
const FIND = `select e.event, e.author from msc_feed.events as e
  where e.id = $1::bigint and e.topic = $2 and e.private = $3 and e.target is null and e.raw is null
    and e.inserted_at >= to_timestamp($4::double precision / 1000)
    and not exists (select from msc_feed.events as d where d.target = e.id and d.event = 'delete')`
/** An action's payload is in an envelope, with the name of the message's event. */
const ENVELOPE_BYTES = 2048
const ACT = `select case when case when $10::boolean then ${isTold('v.value', ENVELOPE_BYTES)} else true end then (msc_feed.act($1, $2, $3::bigint, $4,
  v.value, $6, to_timestamp($7::double precision / 1000), $8, $9)).outcome end as outcome from (select $5::jsonb as value) as v`
/**
 * Rows and position are of the same moment. One message more says that there are older ones. Of what is newer than a page, so that
 * no more than `newest` are read in all, only what lies before its beginning is counted: the first page costs no more for a large number.
 */
const LATEST = `select false as gap, coalesce(l.found > l.nth, false) as more, u.cursor as last, ${HISTORY_COLUMNS},
    s.deleted, s.edited, s.payload::text as now, s.reactions::text as reactions,
    to_char(s.edited_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as edited_at
  from msc_feed.unheard(null, null, 0) as u left join (
    select k.id, count(*) over () as found, count(*) filter (where k.nth <= $5 and (k.total <= 1000000 or k.nth = 1)) over () as nth,
        k.nth <= $5 and (k.total <= 1000000 or k.nth = 1) as fits
      from (
        select i.id, row_number() over (order by i.id desc) as nth, sum(i.bytes) over (order by i.id desc) as total
          from (
            select e.id, msc_feed.weight(e.id, e.bytes) as bytes
              from msc_feed.events as e
              where e.topic = $1 and e.private = $2 and ($3::bigint is null or e.id < $3::bigint)
                and e.inserted_at >= to_timestamp($4::double precision / 1000) and e.raw is null
                and e.target is null and not starts_with(e.topic, 'feed:') and ($6::bigint is null or e.id = $6::bigint)
              order by e.id desc limit least($5 + 1, $7)
          ) as i
      ) as k where k.nth <= $7 - (select count(*) from (
        select from msc_feed.events as m where m.topic = $1 and m.private = $2 and m.raw is null and m.target is null
          and not starts_with(m.topic, 'feed:') and m.id >= coalesce($3::bigint, $6::bigint + 1)
          order by m.id desc limit $7) as passed)
  ) as l on l.fits left join msc_feed.events as e on e.id = l.id left join lateral msc_feed.message_state(e.id) as s on true order by e.id`
