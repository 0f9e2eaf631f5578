import type { LatestWish, NewMessage } from '../server/history/store.ts'
import { HISTORY_COLUMNS, type EventRow } from './message.ts'
import type { FeedPageJson } from './page.ts'

/** What a source can do with the messages of channels, which are not its own. */
export interface FeedKeeping {
  /** Writes messages, all or none, which then come live. Their ids, in order. */
  append(messages: readonly NewMessage[]): Promise<readonly string[]>
  keptSince(topic: string, isPrivate: boolean, after: string | undefined, max: number): Promise<FeedPageJson>
  latest(topic: string, isPrivate: boolean, wish: LatestWish): Promise<FeedPageJson>
}

type Query = <Row>(text: string, values: unknown[]) => Promise<Row[]>
type Row = (EventRow | { readonly id: null }) & {
  readonly gap: boolean
  readonly more: boolean
  readonly last: string
}

/**
 * @param begun Whoever asked for where a topic is before this could miss what lies between.
 * @param onGap Called when somebody reads on from where nothing is kept any more.
 */
export function createKeeping(query: Query, begun: () => Promise<void> | undefined, onGap: () => void): FeedKeeping {
  return {
    async append(messages) {
      const rows = await query<{ id: string | number | bigint }>(APPEND, [
        messages.map(({ topic }) => topic),
        messages.map(({ event }) => event),
        messages.map(({ payload }) => payload),
        messages.map((message) => message.private),
      ])
      return rows.map(({ id }) => `f${id}`)
    },
    async keptSince(topic, isPrivate, after, max) {
      await begun()
      const page = pageOf(await query<Row>(SINCE, [topic, after ?? null, max, isPrivate]))
      if (page.gap) onGap()
      return page
    },
    async latest(topic, isPrivate, { max, before, sinceMs }) {
      await begun()
      const end = before === undefined ? null : (/^f(\d{1,18})$/.exec(before)?.[1] ?? '0')
      return pageOf(await query<Row>(LATEST, [topic, isPrivate, end, sinceMs, max]))
    },
  }
}

function pageOf(rows: readonly Row[]): FeedPageJson {
  const [first] = rows
  const events = rows.flatMap((row) =>
    row.id === null || row.payload === null
      ? []
      : [{ event: row.event, json: row.payload, meta: { id: `f${row.id}`, at: row.at, cursor: row.cursor } }],
  )
  return { gap: first?.gap ?? false, more: first?.more ?? false, cursor: first?.last ?? '', events }
}

const APPEND = `select msc_feed.publish(m.topic, m.event, m.payload::jsonb, m.private) as id
  from unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) with ordinality as m (topic, event, payload, private, nth)
  order by m.nth`
const SINCE = `select u.gap, u.more, u.cursor as last, ${HISTORY_COLUMNS}
  from msc_feed.unheard($1, $2, $3) as u left join msc_feed.events as e on e.id = any (u.ids) and e.private = $4
  order by e.id`
/** Rows and position are of the same moment. One message more says that there are older ones. */
const LATEST = `select false as gap, coalesce(l.found > l.nth, false) as more, u.cursor as last, ${HISTORY_COLUMNS}
  from msc_feed.unheard(null, null, 0) as u left join (
    select k.id, count(*) over () as found, count(*) filter (where k.nth <= $5 and (k.total <= 1000000 or k.nth = 1)) over () as nth,
        k.nth <= $5 and (k.total <= 1000000 or k.nth = 1) as fits
      from (
        select i.id, row_number() over (order by i.id desc) as nth, sum(i.bytes) over (order by i.id desc) as total
          from (
            select e.id, e.bytes from msc_feed.events as e
              where e.topic = $1 and e.private = $2 and ($3::bigint is null or e.id < $3::bigint)
                and e.inserted_at >= to_timestamp($4::double precision / 1000) and e.raw is null
              order by e.id desc limit $5 + 1
          ) as i
      ) as k
  ) as l on l.fits left join msc_feed.events as e on e.id = l.id order by e.id`
