import { ACCESS, HISTORY_COLUMNS, LIVE_COLUMNS, REPLAY_COLUMNS, type EventRow } from '../message.ts'

/** Runs a statement on the outbox, within its deadline. */
export type Query = <Row>(text: string, values: unknown[]) => Promise<Row[]>

/** Asks the database, when it is the reader's turn. */
export type Ask = <T>(statement: () => Promise<T>) => Promise<T>
export const atOnce: Ask = (statement) => statement()

/** A row of a page, of which there is one at least: without an id where the page is empty. */
export type PageRow = (EventRow | { readonly id: null }) & {
  readonly gap: boolean
  readonly more: boolean
  /** The cursor behind the page. */
  readonly last: string
  /** The first transaction of which nothing was deleted. Of a catch-up alone. */
  readonly floor?: string
  /** Of a history alone: whoever reads it may be taken out. */
  readonly behind?: boolean
}

/**
 * Whether somebody was taken out whom this server has not sent away yet: they could read what was committed afterwards. By the
 * snapshot of its position.
 */
const behind = (snapshot: string): string => `exists (select from msc_feed.events as a where a.topic = '${ACCESS}'
    and a.xid >= pg_snapshot_xmin(${snapshot}::pg_snapshot) and not pg_visible_in_snapshot(a.xid, ${snapshot}::pg_snapshot)) as behind`

export const rowsOf = (page: readonly PageRow[]): EventRow[] => page.filter((row) => row.id !== null) as EventRow[]

export const NOW = 'select cursor from msc_feed.unheard(null, null, 0)'

/** Whether something that came after a cursor, of any topic, is gone; and where the feed is now. */
export const IS_GONE = 'select gap, cursor from msc_feed.unheard(null, $1, 0)'

/** What came after a cursor in one topic, with everything that a row has. */
export const SINCE: string = `select u.gap, u.more, u.cursor as last, ${behind('$4')}, ${HISTORY_COLUMNS}
  from msc_feed.unheard($1, $2, $3) as u left join msc_feed.events as e on e.id = any (u.ids) order by e.id`

/**
 * Of a channel's message that was deleted nothing is told any more but that. What is announced is not looked at so: it is told at
 * once, and the deletion right behind it.
 */
const IS_TOLD = `(starts_with(e.topic, 'feed:') or e.target is not null and e.event = 'delete' or not exists (
  select from msc_feed.events as d where d.target = coalesce(e.target, e.id) and d.event = 'delete'))`

/** What came after a cursor in one topic, or in all. */
export const CATCH_UP: string = `select u.gap, u.more, u.cursor as last, (select s.floor::text from msc_feed.state as s) as floor,
    ${LIVE_COLUMNS}
  from msc_feed.unheard($1, $2, $3) as u left join msc_feed.events as e on e.id = any (u.ids) and ${IS_TOLD} order by e.id`

/** In the order in which they were announced, which is that of the commits. The first of them fits, however large. */
export const ANNOUNCED: string = `select ${LIVE_COLUMNS}, w.nth, w.nth = 1 or w.total <= 4000000 as fits
  from (
    select w.nth, e.id, sum(least(e.bytes, 1000000)) over (order by w.nth) as total
      from unnest($1::bigint[]) with ordinality as w (id, nth) join msc_feed.events as e on e.id = w.id
  ) as w join msc_feed.events as e on e.id = w.id order by w.nth`

/** As they are now. */
export const REPLAY: string = `select ${behind('$4')}, ${REPLAY_COLUMNS} from (select m.id from msc_feed.events as m
  where m.topic = $1 and m.private and m.target is null and m.raw is null and m.inserted_at >= to_timestamp($2::double precision / 1000) 
    and not exists (select from msc_feed.events as d where d.target = m.id and d.event = 'delete') order by m.id desc limit $3) as latest
  join msc_feed.events as e on e.id = latest.id order by e.id`

/** When a table was emptied last. */
export const EMPTIED: string = `select ${LIVE_COLUMNS} from msc_feed.events as e where e.topic = $1 order by e.id desc limit 1`
