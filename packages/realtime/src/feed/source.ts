import {
  inTurn,
  assertMethods,
  assertNumbers,
  assertPorts,
  DriverError,
  deadline,
  durationOption,
  emit,
  every,
  reportFailure,
  sleep,
  systemClock,
  withCarrier,
  type CancelTimer,
  type Clock,
  type Duration,
  type ErrorReporter,
  withoutScope,
  closedError,
} from '@msc/core'
import { assertClient, listen, queryOn, type PostgresClient } from '@msc/core/postgres'
import { createLanes, type Before } from './lanes.ts'
import { createSeen } from '../base/seen.ts'
import { unstamped } from '../base/stamp.ts'
import { isFeedPage, type FeedPage } from './page.ts'

/** A change as it goes to those who are in its topic. */
export interface FeedMessage {
  readonly id: string
  /** When it was written, ISO 8601. */
  readonly at: string
  readonly topic: string
  readonly event: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** Where a realtime server has feeds from. */
export interface FeedSource {
  /**
   * Hands on what is committed from now on, in the order of the commits. Returns when it listens.
   *
   * @throws DriverError `POSTGRES_POOLED` or `POSTGRES_UNHEARD` where notifications can't be heard, as behind a transaction
   *   pooler; `DRIVER_CLOSED`.
   */
  start(publish: (message: FeedMessage) => void): Promise<void>
  /** `after`: a cursor of an earlier page or message; `undefined` asks where the feed is now. */
  since(topic: string, after: string | undefined, max: number): Promise<FeedPage>
  /** The latest messages of a topic from a time (milliseconds since the epoch) on, oldest first. */
  replay(topic: string, sinceMs: number, max: number): Promise<readonly Omit<FeedMessage, 'topic' | 'at'>[]>
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

interface EventRow {
  readonly id: string | number
  readonly topic: string
  readonly event: string
  readonly payload: Record<string, unknown> & { readonly record?: { readonly traceparent?: unknown } | null }
  readonly cursor: string
  readonly horizon: string
  readonly at: string
}

const AT_ONCE = 500
/** Ids that wait to be read; with more than that, everything from the last horizon on is read instead. */
const MAX_WAITING = 50_000
const PRUNE_EVERY_MS = 60_000

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
  const seen = createSeen(MAX_WAITING)
  let waiting: string[] = []
  let missed = false
  let horizon: string | undefined
  let publish: (message: FeedMessage) => void = () => {}
  let draining: Promise<void> | undefined
  let closed = false
  let starting: Promise<void> | undefined
  let stop: (() => Promise<void>) | undefined
  let stopPruning: CancelTimer | undefined

  const isClosed = (): boolean => closed
  const query = async <Row>(text: string, values: unknown[]): Promise<Row[]> => {
    const ask = (signal: AbortSignal): Promise<unknown[]> => queryOn(client, text, values, signal)
    return (await deadline(ask, { operation: '[msc/realtime] feed', timeoutMs, clock })) as Row[]
  }

  const handOn = (row: EventRow): void => {
    if (!seen.add(String(row.id))) return
    if (horizon === undefined || BigInt(row.horizon) > BigInt(horizon)) horizon = row.horizon
    if (lanes) lanes.deliver(toMessage(row), row.horizon, (earliest) => hear(toMessage(row, earliest)))
    else hear(toMessage(row))
  }

  /** Hands a message on. The trace of the work that wrote the row goes on in whoever hears of it. */
  const hear = (message: FeedMessage): void => {
    const { topic, event, payload } = message
    const { traceparent } = unstamped(payload).stamp
    withCarrier(traceparent === undefined ? {} : { traceparent }, () => {
      const from = clock.monotonic()
      publish(message)
      emit('realtime.publish', { topic, event, outcome: 'ok' }, from)
    })
  }

  /** Nothing of the history is read that has not been announced: it may have been written a moment ago, or while nobody listened. */
  const announce = async (topic: string, ids: readonly string[]): Promise<void> => {
    const missing = ids.filter((id) => !lanes?.hasSettled(id)).map((id) => id.slice(1))
    if (!lanes || missing.length === 0) return
    const rows = await query<EventRow>(`${BY_ID} order by id`, [missing])
    await lanes.settle(
      topic,
      rows.map((row) => toMessage(row)),
    )
  }

  /** After the connection was lost: all that may have been said meanwhile. */
  const catchUp = async (): Promise<void> => {
    for (let past = 0; ;) {
      const rows = await query<EventRow>(CATCH_UP, [horizon, past, AT_ONCE])
      for (const row of rows) handOn(row)
      if (rows.length < AT_ONCE) return
      past = Number(rows.at(-1)?.id)
    }
  }

  /** Nothing is taken off the list before it was handed on, so a database that is away loses nothing. */
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
        }
        const ids = waiting.splice(0, AT_ONCE)
        if (ids.length > 0) {
          const found = await query<EventRow>(BY_ID, [ids]).catch((error: unknown) => {
            waiting.unshift(...ids)
            throw error
          })
          const rows = new Map(found.map((row) => [String(row.id), row]))
          for (const id of ids) {
            const row = rows.get(id)
            if (row) handOn(row)
          }
        }
        attempt = 0
      } catch (error) {
        if (closed) return
        report(error, 'read the outbox')
        await sleep(Math.min(5000, 100 * 2 ** attempt++), { clock })
      }
    }
  }
  const wake = (): void => {
    draining ??= drain().finally(() => {
      draining = undefined
      if (hasWork()) wake()
    })
  }

  /** What is committed from here on has an xid of at least this, so nothing is missed before it listens. */
  const findHorizon = async (): Promise<void> => {
    for (let attempt = 0; !isClosed(); attempt++) {
      try {
        const [now] = await query<{ horizon: string }>(HORIZON, [])
        horizon ??= now?.horizon ?? '0'
        return
      } catch (error) {
        report(error, 'find the horizon')
        await sleep(Math.min(5000, 100 * 2 ** attempt), { clock })
      }
    }
    throw closedError('feed')
  }

  return {
    async start(onMessage) {
      if (closed) throw closedError('feed')
      publish = onMessage
      await (starting = findHorizon())
      // It listens for longer than the request that may have started it.
      stop = await withoutScope(() =>
        listen(client, 'msc_feed', {
          name: '[msc/realtime] feed',
          onNotice(id) {
            if (!/^\d{1,19}$/.test(id)) return
            if (waiting.length >= MAX_WAITING) {
              waiting = []
              missed = true
            } else waiting.push(id)
            wake()
          },
          onListening() {
            missed = true
            wake()
          },
          onError: (error) => report(error, 'listen'),
          clock,
        }),
      )
      if (closed) return void (await stop())
      const prune = (): Promise<unknown> => query(PRUNE, [Math.round(keepMs / 1000)])
      stopPruning = every(PRUNE_EVERY_MS, prune, { clock, onError: (error) => report(error, 'prune') })
    },
    async since(topic, after, max) {
      // Whoever asked before it knows where it began could miss what lies between.
      await starting
      const [row] = await query<{ page: unknown }>('select msc_feed.since($1, $2, $3) as page', [
        topic,
        after ?? null,
        max,
      ])
      const page = row?.page
      if (!isFeedPage(page)) throw new DriverError('feed', 'The database answered with something else.')
      await announce(
        topic,
        page.events.map(({ payload }) => String(unstamped(payload).stamp.id)),
      )
      return page
    },
    async replay(topic, sinceMs, max) {
      const rows = await query<EventRow>(REPLAY, [topic, sinceMs, max])
      await announce(
        topic,
        rows.map(({ id }) => `f${id}`),
      )
      return rows.map(({ id, event, payload }) => ({ id: `f${id}`, event, payload }))
    },
    async close() {
      if (closed) return
      closed = true
      stopPruning?.()
      lanes?.close()
      await inTurn(
        () => stop?.(),
        () => draining,
      )
    },
  }
}

/** @param earliest The position from which on everything is asked that was not delivered before. Default: the row's own. */
function toMessage({ id, topic, event, payload, cursor, at }: EventRow, earliest?: string): FeedMessage {
  const traceparent = payload.record?.traceparent
  const stamp = {
    id: `f${id}`,
    cursor: earliest === undefined ? cursor : `${cursor.split(':')[0]}:${earliest}`,
    ...(typeof traceparent === 'string' && { traceparent }),
  }
  return { id: stamp.id, at, topic, event, payload: { ...payload, _msc: stamp } }
}

const HORIZON = 'select pg_snapshot_xmin(pg_current_snapshot())::text as horizon'
const COLUMNS = `id, topic, event, payload, msc_feed.cursor(horizon) as cursor, horizon::text as horizon,
  to_char(inserted_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at`
const BY_ID = `select ${COLUMNS} from msc_feed.events where id = any ($1::bigint[])`
const CATCH_UP = `select ${COLUMNS} from msc_feed.events where xid >= $1::text::xid8 and id > $2 order by id limit $3`
const REPLAY = `select * from (select ${COLUMNS} from msc_feed.events
  where topic = $1 and inserted_at >= to_timestamp($2::double precision / 1000) order by id desc limit $3) as latest order by id`
const PRUNE = `select msc_feed.prune(make_interval(secs => $1), 10000)`
