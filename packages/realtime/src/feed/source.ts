import {
  assertMethods,
  assertNumbers,
  assertPorts,
  closedError,
  deadline,
  durationOption,
  emit,
  inTurn,
  reportFailure,
  sleep,
  systemClock,
  withCarrier,
  type Clock,
  type Duration,
  type ErrorReporter,
} from '@msc/core'
import { assertClient, queryOn, type PostgresClient } from '@msc/core/postgres'
import { createLanes, type Before } from './lanes.ts'
import { createKeeping, type FeedKeeping } from './keeping.ts'
import { hear, type Listening } from './listening.ts'
import {
  HISTORY_COLUMNS,
  LIVE_COLUMNS,
  REPLAY_COLUMNS,
  tellMore,
  toEvent,
  toMessage,
  type EventRow,
  type FeedEvent,
  type FeedMessage,
} from './message.ts'
import type { FeedPage } from './page.ts'
import { Position } from './position.ts'
import { keepPruned, type OutboxStats, type Pruning } from './pruning.ts'

export type { FeedMessage } from './message.ts'
export type { OutboxStats } from './pruning.ts'

/** Part of a topic's history, with each event's payload also as its JSON. */
export interface FeedHistory extends FeedPage {
  readonly events: readonly FeedEvent[]
}

/** How a source is doing. */
export interface FeedStats {
  /** `polling`: behind a transaction pooler nothing is heard, so the outbox is looked at a few times in a second. */
  readonly mode: 'starting' | 'listening' | 'polling'
  /** Rows that were announced and are not read yet. */
  readonly waiting: number
  /** Milliseconds for which the first of these, or what was missed, has waited. */
  readonly lagMs?: number
  /** The connection that should hear of rows is lost. */
  readonly isDeaf?: boolean
  /** Reads of history that began where nothing is kept any more. */
  readonly gaps?: number
  /** Absent until the outbox was looked at, which is once in a minute. */
  readonly outbox?: OutboxStats
  /** Milliseconds by which the oldest row of the outbox is older than it should be. */
  readonly pruneLagMs: number
}

/** Where a realtime server has feeds from. */
export interface FeedSource {
  /**
   * Hands on what is committed from now on, in the order of the commits, each once. Returns when it listens; where
   * notifications can't be heard, as behind a transaction pooler, that is reported (`POSTGRES_POOLED`, `POSTGRES_UNHEARD`)
   * and the outbox is polled.
   *
   * @throws DriverError `DRIVER_CLOSED`.
   */
  start(publish: (message: FeedMessage) => void): Promise<void>
  /** `after`: a cursor of an earlier page or message; `undefined` asks where the feed is now. */
  since(topic: string, after: string | undefined, max: number): Promise<FeedHistory>
  /** The latest messages of a topic from a time (milliseconds since the epoch) on, oldest first. */
  replay(topic: string, sinceMs: number, max: number): Promise<FeedHistory['events']>
  /** Keeps the messages of channels too. Absent where it can't. */
  readonly keeping?: FeedKeeping
  stats?(): FeedStats
  close(): Promise<void>
}

export interface FeedSourceOptions {
  /**
   * A database to which `feedMigration` was applied: a pool of `pg`, or PGlite. The caller's to close. One connection of a
   * pool listens; one on which a statement is late is ended. Give the pool a `connectionTimeoutMillis`, or a connection that
   * gets no answer while it is made keeps its place.
   */
  readonly client: PostgresClient
  /** How long history is kept for those who were away. Default 3 days. */
  readonly keep?: Duration
  /** Milliseconds for one statement, after which its connection is ended. Default 10 000. */
  readonly timeoutMs?: number
  /**
   * Runs before a message reaches anybody, for the invalidation of what it announces: live, out of the history, and told
   * again. In order within a topic; topics do not wait for each other. When it rejects or is late that is reported, and
   * the message goes out all the same: caches heal by their TTL. While it keeps failing in a topic it is not called
   * there, but for a probe every 5 s. It may be called again for a message, after a restart for instance.
   */
  readonly before?: Before
  /** Milliseconds for one call of `before`; a page of history waits for two of them at most. Default 2 000. */
  readonly beforeTimeoutMs?: number
  readonly clock?: Clock
  /** Told of what is tried again. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
}

const AT_ONCE = 500
/** Ids that wait to be read; with more than that, everything from the position on is read instead. */
const MAX_WAITING = 50_000

/**
 * Feeds over the outbox of a Postgres or a PGlite; the notification carries nothing but a row's id.
 *
 * @throws ConfigError `OPTION_INVALID` for a client that is neither a pool nor PGlite, and for a `timeoutMs` that is no number;
 *   `REALTIME_POOL_TOO_SMALL` for a pool of one connection, which listens.
 */
export function feedSource(options: FeedSourceOptions): FeedSource {
  assertNumbers('realtime', options, { timeoutMs: 1, beforeTimeoutMs: 1 })
  assertClient('realtime', options.client)
  assertPorts('realtime', options)
  if (options.before !== undefined) assertMethods('realtime', 'options', options, ['before'])
  const { client, keep = '3d', timeoutMs = 10_000, beforeTimeoutMs = 2000, clock = systemClock } = options
  // Three centuries at most: Postgres has no time much longer ago.
  const keepMs = durationOption('realtime', 'keep', keep, { mostMs: 1e13 })
  const report = (error: unknown, operation: string): void =>
    reportFailure(error, { concern: 'realtime', driver: 'feed', operation }, options.onError)
  const { before } = options
  const lanes = before && createLanes({ before, timeoutMs: beforeTimeoutMs, clock, report })
  let waiting: string[] = []
  /** When each of these came, in monotonic milliseconds. */
  let arrivals: number[] = []
  let missed = false
  /** Since when, until all of it has been read. */
  let missedAt: number | undefined
  let gaps = 0
  /** What was handed on, in all topics together. It passes nothing that was not: see `drain`. */
  let position: Position | undefined
  let publish: (message: FeedMessage) => void = () => {}
  let draining: Promise<void> | undefined
  let closed = false
  let starting: Promise<void> | undefined
  let listening: Listening | undefined
  let pruning: Pruning | undefined

  const isClosed = (): boolean => closed
  const hasMissed = (): boolean => missed
  const query = async <Row>(text: string, values: unknown[]): Promise<Row[]> => {
    const ask = (signal: AbortSignal): Promise<unknown[]> => queryOn(client, text, values, signal)
    return (await deadline(ask, { operation: '[msc/realtime] feed', timeoutMs, clock })) as Row[]
  }

  /** One that can't be handed on costs itself alone: its listeners are told that there is something, and the next one is. */
  const handOn = (row: EventRow): void => {
    const taken = position?.take(row.cursor)
    if (taken === 'known') return
    // The database has become another one.
    if (taken === 'other') startAnew(row.cursor)
    const message = toMessage(row)
    if (lanes && (message.kind === 'row' || message.kind === 'action'))
      lanes.deliver(message, row.xmin, (earliest) => tell(toMessage(row, earliest)))
    else tell(message)
  }
  const tell = (message: FeedMessage): void => {
    try {
      pass(message)
    } catch (error) {
      report(error, 'hand on a row')
      try {
        publish(tellMore(message.topic, 'more', message))
      } catch (cause) {
        report(cause, 'tell of a row')
      }
    }
  }
  /** The trace of the work that wrote the row goes on in whoever hears of it. */
  const pass = (message: FeedMessage): void => {
    const { topic, event, traceparent } = message
    withCarrier(traceparent === undefined ? {} : { traceparent }, () => {
      const from = clock.monotonic()
      publish(message)
      emit('realtime.publish', { topic, event, outcome: 'ok' }, from)
    })
  }
  /** Whoever listens has a position in what is gone, and is told so when they ask. */
  const startAnew = (cursor: string): void => {
    position = Position.of(cursor)
    tell(tellMore('feed:', 'emptied'))
  }

  /** Nothing of the history is read that has not been announced: it may have been written a moment ago, or while nobody listened. */
  const announce = async (topic: string, rows: readonly EventRow[]): Promise<void> => {
    const missing = lanes ? rows.filter(({ id }) => !lanes.hasSettled(`f${id}`)) : []
    if (missing.length === 0) return
    await lanes?.settle(
      topic,
      missing.map((row) => toMessage(row)).filter(({ kind }) => kind === 'row'),
    )
  }

  /** All that was not handed on yet, up to now. When it fails, what it handed on has been. */
  const catchUp = async (): Promise<void> => {
    let cursor = String(position)
    for (let more = true; more && !isClosed();) {
      const rows = await query<HistoryRow>(CATCH_UP, [null, cursor, AT_ONCE])
      const page = rows[0]
      if (!page) return
      if (page.gap) return startAnew(page.last)
      for (const row of rows) if (row.id !== null) handOn(row as EventRow)
      cursor = page.last
      more = page.more
    }
    // Everything up to there, and nothing beyond it, as what is announced meanwhile waits.
    if (!closed) position = Position.of(cursor)
  }
  /** What was announced, as far as it fits into one answer. */
  const readAnnounced = async (): Promise<void> => {
    const ids = waiting.slice(0, AT_ONCE)
    const rows = await query<EventRow & { readonly fits: boolean }>(ANNOUNCED, [ids])
    const left = rows.find(({ fits }) => !fits)
    const taken = left ? ids.indexOf(String(left.id)) : ids.length
    for (const row of rows) if (row.fits) handOn(row)
    waiting.splice(0, taken)
    arrivals.splice(0, taken)
  }

  /**
   * Nothing is taken off the list before it was handed on, so a database that is away loses nothing; and what may have been
   * missed is handed on before what was announced after it, or the position would pass it.
   */
  const miss = (since = clock.monotonic()): void => {
    missedAt ??= since
    missed = true
  }
  const lagMs = (): number => {
    const since = Math.min(missedAt ?? Infinity, arrivals[0] ?? Infinity)
    return Number.isFinite(since) ? Math.max(0, clock.monotonic() - since) : 0
  }
  const hasWork = (): boolean => (waiting.length > 0 || missed) && !closed
  const drain = async (): Promise<void> => {
    for (let attempt = 0; hasWork();) {
      try {
        if (missed) {
          missed = false
          await catchUp().catch((error: unknown) => {
            missed = true
            throw error
          })
          if (!hasMissed()) missedAt = undefined
        } else await readAnnounced()
        attempt = 0
      } catch (error) {
        if (closed) return
        report(error, 'read the outbox')
        await sleep(Math.min(5000, 100 * 2 ** attempt++), { clock })
      }
    }
  }
  const wake = (): Promise<void> =>
    (draining ??= drain().finally(() => {
      draining = undefined
      if (hasWork()) void wake()
    }))

  /** What is committed from here on is not visible in its snapshot, so nothing is missed before it listens. */
  const findPosition = async (): Promise<void> => {
    for (let attempt = 0; !isClosed(); attempt++) {
      try {
        const [now] = await query<{ cursor: string }>(NOW, [])
        position ??= Position.of(now?.cursor)
        if (position) return
        throw new Error('[msc/realtime] The database answered with something else.')
      } catch (error) {
        report(error, 'find the position')
        await sleep(Math.min(5000, 100 * 2 ** attempt), { clock })
      }
    }
    throw closedError('feed')
  }

  return {
    keeping: createKeeping(
      query,
      () => starting,
      announce,
      () => (gaps += 1),
    ),
    async start(onMessage) {
      if (closed) throw closedError('feed')
      publish = onMessage
      await (starting = findPosition())
      const begun = await hear({
        client,
        clock,
        report,
        onNotice(id) {
          if (!/^\d{1,19}$/.test(id)) return
          if (waiting.length >= MAX_WAITING) {
            miss(arrivals[0])
            waiting = []
            arrivals = []
          } else {
            waiting.push(id)
            arrivals.push(clock.monotonic())
          }
          void wake()
        },
        onListening() {
          miss()
          void wake()
        },
        poll() {
          miss()
          return wake()
        },
      })
      if (closed) return begun.stop()
      listening = begun
      pruning = keepPruned({ clock, keepMs, query, isClosed, report })
    },
    async since(topic, after, max) {
      // Whoever asked before it knows where it began could miss what lies between.
      await starting
      const rows = await query<HistoryRow>(SINCE, [topic, after ?? null, max])
      const page = rows[0]
      if (page?.gap) gaps += 1
      const found = rows.filter((row) => row.id !== null) as EventRow[]
      await announce(topic, found)
      return {
        gap: page?.gap ?? false,
        more: page?.more ?? false,
        cursor: page?.last ?? '',
        events: found.map(toEvent),
      }
    },
    async replay(topic, sinceMs, max) {
      const rows = await query<EventRow>(REPLAY, [topic, sinceMs, max])
      await announce(topic, rows)
      return rows.map(toEvent)
    },
    stats: () => ({
      mode: listening?.mode ?? 'starting',
      isDeaf: listening?.isDeaf ?? false,
      waiting: waiting.length,
      lagMs: lagMs(),
      gaps,
      ...(pruning?.outbox && { outbox: pruning.outbox }),
      pruneLagMs: pruning?.lagMs ?? 0,
    }),
    async close() {
      if (closed) return
      closed = true
      pruning?.stop()
      lanes?.close()
      await inTurn(
        () => listening?.stop(),
        () => draining,
      )
    },
  }
}

type HistoryRow = (EventRow | { readonly id: null }) & {
  readonly gap: boolean
  readonly more: boolean
  /** The cursor behind the page. */
  readonly last: string
}

const NOW = 'select cursor from msc_feed.unheard(null, null, 0)'
/** One row at least. */
const since = (columns: string): string => `select u.gap, u.more, u.cursor as last, ${columns}
  from msc_feed.unheard($1, $2, $3) as u left join msc_feed.events as e on e.id = any (u.ids) order by e.id`
const SINCE = since(HISTORY_COLUMNS)
const CATCH_UP = since(LIVE_COLUMNS)
/** In the order in which they were announced, which is that of the commits. */
const ANNOUNCED = `select ${LIVE_COLUMNS}, w.nth = 1 or w.total <= 4000000 as fits
  from (
    select w.nth, e.id, sum(least(e.bytes, 1000000)) over (order by w.nth) as total
      from unnest($1::bigint[]) with ordinality as w (id, nth) join msc_feed.events as e on e.id = w.id
  ) as w join msc_feed.events as e on e.id = w.id order by w.nth`
/** As they are now. */
const REPLAY = `select ${REPLAY_COLUMNS} from (select m.id from msc_feed.events as m
  where m.topic = $1 and m.private and m.target is null and m.raw is null and m.inserted_at >= to_timestamp($2::double precision / 1000) 
    and not exists (select from msc_feed.events as d where d.target = m.id and d.event = 'delete') order by m.id desc limit $3) as latest
  join msc_feed.events as e on e.id = latest.id order by e.id`
