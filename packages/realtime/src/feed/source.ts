import {
  ConfigError,
  assertMethods,
  assertNumbers,
  assertPorts,
  closedError,
  deadline,
  durationOption,
  every,
  inTurn,
  reportFailure,
  sleep,
  systemClock,
  type CancelTimer,
  type Clock,
  type Duration,
  type ErrorReporter,
} from '@msc/core'
import { assertClient, queryOn, type PostgresClient } from '@msc/core/postgres'
import { FEED } from './feed-topic.ts'
import { createLanes, type Before } from './lanes.ts'
import { createKeeping, type FeedKeeping } from './keeping.ts'
import { hear, type Listening } from './listening.ts'
import { toEvent, toMessage, type EventRow, type FeedEvent, type FeedMessage } from './message.ts'
import type { FeedPage } from './page.ts'
import { Position } from './position.ts'
import { keepPruned, type OutboxStats, type Pruning } from './pruning.ts'
import { Backlog } from './reading/backlog.ts'
import { catchUp, takeAnnounced, type Reading } from './reading/catch-up.ts'
import { createHandingOn } from './reading/hand-on.ts'
import {
  ANNOUNCED,
  atOnce,
  EMPTIED,
  NOW,
  REPLAY,
  rowsOf,
  SINCE,
  type Ask,
  type PageRow,
  type Query,
} from './reading/queries.ts'

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
   * @throws DriverError `DRIVER_CLOSED`; ConfigError `REALTIME_FEEDS_IN_USE` when it was started before.
   */
  start(publish: (message: FeedMessage) => void): Promise<void>
  /**
   * @param after A cursor of an earlier page or message; `undefined` asks where the feed is now.
   * @param ask Runs each statement; what else is waited for is no part of it. Default: at once.
   */
  since(topic: string, after: string | undefined, max: number, ask?: Ask): Promise<FeedHistory>
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
   * again. What it announces is its `kind`: a `row`, a table that was `emptied`, or that anything may have been `missed`. In order within a topic; topics do not wait for each other. When it rejects or is late that is reported, and
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

/** Rows of one answer. */
const AT_ONCE = 500
/** Milliseconds between two looks at where the outbox is, so that no position is pruned away while nothing is written. */
const LOOK_MS = 60_000

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
  const backlog = new Backlog(clock)
  let gaps = 0
  let reading: Reading | undefined
  let publish: (message: FeedMessage) => void = () => {}
  let draining: Promise<void> | undefined
  let closed = false
  let isStarted = false
  let starting: Promise<void> | undefined
  let listening: Listening | undefined
  let pruning: Pruning | undefined
  let stopLooking: CancelTimer | undefined

  const isClosed = (): boolean => closed
  const query: Query = async <Row>(text: string, values: unknown[]): Promise<Row[]> => {
    const ask = (signal: AbortSignal): Promise<unknown[]> => queryOn(client, text, values, signal)
    return (await deadline(ask, { operation: '[msc/realtime] feed', timeoutMs, clock })) as Row[]
  }
  const handingOn = createHandingOn({ publish: (message) => publish(message), lanes, clock, report })

  /** Nothing of the history is read that has not been announced: it may have been written a moment ago, or while nobody listened. */
  const announce = async (topic: string, rows: readonly EventRow[]): Promise<void> => {
    const missing = lanes ? rows.filter(({ id }) => !lanes.hasSettled(`f${id}`)) : []
    if (missing.length === 0) return
    await lanes?.settle(topic, missing.map((row) => toMessage(row)).filter(isAnnounced))
  }
  /** Whoever is told a gap loads everything, which may be in a cache. */
  const announceEmptied = async (topic: string, ask: Ask): Promise<void> => {
    if (!lanes || !topic.startsWith(FEED)) return
    const [, table = ''] = topic.split(':')
    await announce(topic, await ask(() => query<EventRow>(EMPTIED, [`feed!${table}`])))
  }

  /** What was announced, as far as it fits into one answer. */
  const readAnnounced = async (from: Reading): Promise<void> => {
    const ids = backlog.first(AT_ONCE)
    const rows = await query<EventRow & { readonly nth: string | number | bigint; readonly fits: boolean }>(ANNOUNCED, [
      ids,
    ])
    const left = rows.find(({ fits }) => !fits)
    const fitting = rows.filter(({ fits }) => fits)
    const asked = left ? Number(left.nth) - 1 : ids.length
    // What a transaction announces was committed, so a row that does not come was deleted before it was read, or was none. Which of
    // the two it was is seen from the position.
    if (fitting.length < asked) backlog.miss()
    else await takeAnnounced(fitting, from, handingOn)
    backlog.drop(asked)
  }
  const readOn = async (): Promise<void> => {
    const from = reading
    if (!from) return
    if (backlog.hasMissed) await backlog.recover(() => catchUp(from, { query, handingOn, isClosed }))
    else await readAnnounced(from)
  }
  const hasWork = (): boolean => backlog.hasWork && reading !== undefined && !closed
  const drain = async (): Promise<void> => {
    for (let attempt = 0; hasWork();) {
      try {
        await readOn()
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
  const look = (): Promise<void> => {
    backlog.miss()
    return wake()
  }

  /**
   * Whoever reads a history was let in some time ago, and may have been taken out where this server has not heard of it. Their
   * removal is told before they have the answer, or they have none.
   */
  const sendAwayFirst = async (page: { readonly behind?: boolean } | undefined): Promise<void> => {
    if (page?.behind) await deadline(look, { operation: '[msc/realtime] feed', timeoutMs, clock })
  }

  /** What is committed from here on is not visible in its snapshot, so nothing is missed before it listens. */
  const findPosition = async (): Promise<void> => {
    for (let attempt = 0; !isClosed(); attempt++) {
      try {
        const [now] = await query<{ cursor: string }>(NOW, [])
        const position = Position.of(now?.cursor)
        if (!position) throw new Error('[msc/realtime] The database answered with something else.')
        reading = { position }
        return
      } catch (error) {
        report(error, 'find the position')
        await sleep(Math.min(5000, 100 * 2 ** attempt), { clock })
      }
    }
    throw closedError('feed')
  }

  const begin = async (): Promise<void> => {
    await (starting = findPosition())
    const begun = await hear({
      client,
      clock,
      report,
      onNotice(id) {
        // Anybody who may write may announce something else, and a number that is too large would fail each time. As the database
        // writes it: it would otherwise be another one than the same row's.
        if (!/^[1-9]\d{0,17}$/.test(id)) return
        backlog.add(id)
        void wake()
      },
      onListening: () => void look(),
      poll: look,
    })
    if (closed) return begun.stop()
    listening = begun
    pruning = keepPruned({ clock, keepMs, query, isClosed, report })
    // A lost connection reads on when it is back, and behind a pooler there is a look all the time.
    const lookOn = (): void => void (begun.mode === 'listening' && !begun.isDeaf && look())
    stopLooking = every(LOOK_MS, lookOn, { clock, onError: (error) => report(error, 'look for rows') })
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
      if (isStarted) throw inUse()
      isStarted = true
      publish = onMessage
      await begin().catch((error: unknown) => {
        isStarted = false
        throw error
      })
    },
    async since(topic, after, max, ask = atOnce) {
      // Whoever asked before it knows where it began could miss what lies between.
      await starting
      const rows = await ask(() =>
        query<PageRow>(SINCE, [topic, after ?? null, max, reading?.position.snapshot ?? null]),
      )
      const page = rows[0]
      await sendAwayFirst(page)
      if (page?.gap) {
        gaps += 1
        await announceEmptied(topic, ask)
      }
      const found = rowsOf(rows)
      await announce(topic, found)
      return {
        gap: page?.gap ?? false,
        more: page?.more ?? false,
        cursor: page?.last ?? '',
        events: found.map(toEvent),
      }
    },
    async replay(topic, sinceMs, max) {
      const rows = await query<EventRow & { readonly behind: boolean }>(REPLAY, [
        topic,
        sinceMs,
        max,
        reading?.position.snapshot ?? null,
      ])
      await sendAwayFirst(rows[0])
      await announce(topic, rows)
      return rows.map(toEvent)
    },
    stats: () => ({
      mode: listening?.mode ?? 'starting',
      isDeaf: listening?.isDeaf ?? false,
      waiting: backlog.size,
      lagMs: backlog.lagMs,
      gaps,
      ...(pruning?.outbox && { outbox: pruning.outbox }),
      pruneLagMs: pruning?.lagMs ?? 0,
    }),
    async close() {
      if (closed) return
      closed = true
      pruning?.stop()
      stopLooking?.()
      lanes?.close()
      await inTurn(
        () => listening?.stop(),
        () => draining,
      )
    },
  }
}

const isAnnounced = ({ kind }: FeedMessage): boolean => kind === 'row' || kind === 'emptied'

const inUse = (): ConfigError =>
  new ConfigError('[msc/realtime] These feeds have been started before.', {
    code: 'REALTIME_FEEDS_IN_USE',
    hint: 'Make a `feedSource` for each server and each relay: it hands on to one alone. They may share the pool.',
  })
