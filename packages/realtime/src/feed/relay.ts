import {
  ConfigError,
  assertMethods,
  assertNumbers,
  assertPorts,
  backoff,
  deadline,
  inTurn,
  reportFailure,
  sleep,
  systemClock,
  withoutScope,
  type Clock,
  type ErrorReporter,
} from '@msc/core'
import { assertClient, queryOn, type PostgresClient } from '@msc/core/postgres'
import type { OutgoingMessage, RealtimeDriver } from '../driver.ts'
import type { FeedMessage, FeedSource } from './source.ts'
import { FEED } from './feed-topic.ts'
import { ACCESS } from './message.ts'
import { deferred } from '../base/promises.ts'

export interface RelayOptions {
  /** A `feedSource` of the same database, with the `before` that messages have to wait for. Not started. */
  readonly feeds: FeedSource
  /** The database of `feedMigration(tables, { deliver: 'relay' })`. The caller's to close. */
  readonly client: PostgresClient
  /** What sends to the clients: `supabase` with the service role's key. The caller's to close. */
  readonly driver: Pick<RealtimeDriver, 'name' | 'publish'>
  /** Milliseconds for one statement, and for one call of the driver. Default 10 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  readonly onError?: ErrorReporter
}

export interface Relay {
  /** Closes the feeds too. What is not sent yet is what the next relay begins with. */
  close(): Promise<void>
}

/** Messages of one call of the driver. */
const BATCH = 50
/** Messages and bytes that may wait for the driver; with more they are forgotten, and found in the database again. */
const MAX_WAITING = 5000
const MAX_BYTES = 16 * 1024 * 1024
/** Supabase takes no larger ones; the clients then ask for it. */
const MAX_PAYLOAD = 200_000
/** Topics that are told at a time that there is more. */
const TOPICS = 100
const PAGE = 500
const SAVE_EVERY_MS = 1000

interface Waiting {
  readonly message: OutgoingMessage
  readonly bytes: number
  /** See `FeedMessage.complete`. */
  readonly complete: string
}

/**
 * Sends what the triggers have written, each after its `before`, through a driver: for a database whose clients are connected
 * to Supabase. How far it has come is kept in the database. What it missed, because it was not there or the driver refused,
 * it does not send: it tells those topics that there is more, and their clients fetch it by their cursors. Run one of them:
 * several send each message several times, which clients see once.
 *
 * Resolves when it listens and has tried once to tell of what was missed.
 *
 * @throws ConfigError `OPTION_INVALID` for a driver that can't publish. DriverError as `FeedSource.start`.
 */
export async function relayFeeds(options: RelayOptions): Promise<Relay> {
  assertNumbers('realtime', options, { timeoutMs: 1 })
  assertPorts('realtime', options)
  const { feeds, client, driver, timeoutMs = 10_000, clock = systemClock } = options
  assertClient('realtime', client)
  assertMethods('realtime', 'driver', driver, ['publish'])
  const publish = driver.publish?.bind(driver)
  if (!publish) {
    throw new ConfigError('[msc/realtime] The driver can not publish.', {
      code: 'OPTION_INVALID',
      hint: 'Pass one that can, for example `supabase` with the service role’s key.',
    })
  }
  const report = (error: unknown, operation: string): void =>
    reportFailure(error, { concern: 'realtime', driver: 'relay', operation }, options.onError)
  const closing = new AbortController()
  let waiting: Waiting[] = []
  let waitingBytes = 0
  /** How the topics of tables begin that were emptied. */
  const emptied = new Set<string>()
  /** Something has been missed since the position, as it always may have been before the start. */
  let behind = true
  let position: string | undefined
  let saved: string | undefined
  let savedAt = Number.NEGATIVE_INFINITY
  let wake = (): void => {}
  const tried = deferred<void>()

  const query = async <Row>(text: string, values: unknown[]): Promise<Row[]> => {
    const ask = (signal: AbortSignal): Promise<unknown[]> => queryOn(client, text, values, signal)
    return (await deadline(ask, { operation: '[msc/realtime] relay', timeoutMs, clock })) as Row[]
  }
  const send = (messages: readonly OutgoingMessage[]): Promise<void> =>
    deadline((signal) => publish(messages, signal), {
      operation: `[msc/realtime] [${driver.name}] relay`,
      timeoutMs,
      clock,
      signal: closing.signal,
    })
  const forget = (): void => {
    waiting = []
    waitingBytes = 0
  }

  const take = (message: FeedMessage): void => {
    // Supabase asks its policies by itself, at the join and for each new token.
    if (message.kind === 'access') return
    // Nor does it know what is done to messages of channels.
    if (message.kind === 'action') return
    if (message.kind === 'emptied' || message.kind === 'missed') {
      // What was missed may have been in any feed.
      emptied.add(message.kind === 'missed' ? FEED : message.topic)
      behind = true
      return wake()
    }
    const bytes = Buffer.byteLength(message.json)
    if (waiting.length >= MAX_WAITING || waitingBytes + bytes > MAX_BYTES) {
      behind = true
      forget()
    } else if (!behind) {
      const sent = bytes > MAX_PAYLOAD ? moreIn(message.topic) : toOutgoing(message)
      waiting.push({ message: sent, bytes, complete: message.complete })
      waitingBytes += bytes
    }
    wake()
  }

  /** Has the feeds call `before` for what they have not handed on, as they do for whatever is read from them. */
  const announce = async (topic: string, from: string): Promise<void> => {
    for (let cursor = from, more = true; more && !closing.signal.aborted;) {
      const page = await feeds.since(topic, cursor, PAGE)
      cursor = page.cursor
      more = page.more
    }
  }

  /** Tells the topics that a query finds, in their order, that there is more. */
  const tellTopics = async (
    text: string,
    from: string,
    beforeTelling: (topic: string) => Promise<void> | void,
  ): Promise<void> => {
    for (let last = '', more = true; more && !closing.signal.aborted;) {
      const topics = await query<{ topic: string }>(text, [from, last, TOPICS])
      for (const { topic } of topics) await beforeTelling(topic)
      if (topics.length > 0) await send(topics.map(({ topic }) => moreIn(topic)))
      more = topics.length === TOPICS
      last = topics.at(-1)?.topic ?? last
    }
  }
  /** Tells every topic that has had something since the position that there is more, and all that a table had in its history. */
  const catchUp = async (): Promise<void> => {
    behind = false
    forget()
    const [now] = await query<{ epoch: string; horizon: string; relayed: string | null }>(POSITION, [])
    const horizon = now?.horizon ?? '0'
    const known = position ?? now?.relayed ?? horizon
    // A position of after now is one of another history: the database was restored.
    const from = BigInt(known) > BigInt(horizon) ? horizon : known
    // Their clients fetch at once, past this process, so all of it has to be announced by then.
    await tellTopics(TOPICS_SINCE, from, (topic) => announce(topic, `${now?.epoch}:${from}:${from}:`))
    for (const { prefix } of await query<{ prefix: string }>(EMPTIED_SINCE, [from])) emptied.add(prefix)
    for (const prefix of emptied) {
      await tellTopics(TOPICS_OF, prefix, () => undefined)
      emptied.delete(prefix)
    }
    position = horizon
  }
  const sendSome = async (): Promise<void> => {
    const batch = waiting.slice(0, BATCH)
    await send(batch.map(({ message }) => message))
    // What came meanwhile may have made it forget all of them.
    if (behind) return
    waiting.splice(0, batch.length)
    for (const { bytes } of batch) waitingBytes -= bytes
    position = batch.at(-1)?.complete ?? position
  }
  const save = async (): Promise<void> => {
    if (position === saved || position === undefined) return
    const next = position
    await query(SAVE, [next])
    saved = next
    savedAt = clock.monotonic()
  }

  const pump = async (): Promise<void> => {
    for (let attempt = 0; !closing.signal.aborted;) {
      try {
        if (behind) await catchUp().finally(tried.resolve)
        else if (waiting.length > 0) await sendSome()
        else await new Promise<void>((resolve) => (wake = resolve))
        if (waiting.length === 0 || clock.monotonic() - savedAt > SAVE_EVERY_MS) await save()
        attempt = 0
      } catch (error) {
        if (closing.signal.aborted) return
        behind = true
        report(error, 'relay')
        await sleep(backoff(attempt++, { baseMs: 100, maxMs: 5000 }), { clock, signal: closing.signal }).catch(
          () => undefined,
        )
      }
    }
  }

  await feeds.start(take)
  const pumping = withoutScope(pump)
  await tried.promise
  return {
    async close() {
      await inTurn(
        () => feeds.close(),
        () => {
          closing.abort(new Error('[msc/realtime] The relay was closed.'))
          wake()
        },
        () => pumping,
        () => save().catch((error: unknown) => report(error, 'save the position')),
      )
    },
  }
}

/** Seen by a client as a message that was too large to be sent: it fetches what it has not heard of. */
const moreIn = (topic: string): OutgoingMessage => ({
  topic,
  event: 'more',
  payload: { _msc: { more: true } },
  private: true,
})

/** A payload that can't be written again is fetched by whoever hears of it. */
function toOutgoing({ topic, event, json, private: isPrivate }: FeedMessage): OutgoingMessage {
  try {
    const payload = JSON.parse(json) as OutgoingMessage['payload']
    JSON.stringify(payload)
    return { topic, event, payload, private: isPrivate }
  } catch {
    return moreIn(topic)
  }
}

const POSITION = `select msc_feed.epoch() as epoch, pg_snapshot_xmin(pg_current_snapshot())::text as horizon,
  relayed::text as relayed from msc_feed.delivery`
/** With the topics of which nothing is left: what was pruned there since is what their clients have not heard. */
const KNOWN = `(select topic, xid from msc_feed.events union all select topic, xid from msc_feed.pruned) as known`
const TOPICS_SINCE = `select topic from ${KNOWN} where xid >= $1::text::xid8 and topic > $2 and topic not like 'feed!%'
  group by topic order by topic limit $3`
const TOPICS_OF = `select topic from ${KNOWN} where starts_with(topic, $1) and topic > $2 group by topic order by topic limit $3`
/** The tables that were emptied, as their own topics begin. */
const EMPTIED_SINCE = `select distinct 'feed:' || substr(topic, 6) || ':' as prefix from ${KNOWN}
  where xid >= $1::text::xid8 and topic like 'feed!_%' and topic <> '${ACCESS}'`
const SAVE = `update msc_feed.delivery set relayed = $1::text::xid8`
