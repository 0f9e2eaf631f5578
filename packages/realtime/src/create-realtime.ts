import {
  assertDriver,
  createPageService,
  type BreakerState,
  type DriverContract,
  type ErrorReporter,
  type MscError,
  UnavailableError,
  backoff,
  carrier,
  emit,
  randomHex,
  sleep,
  systemClock,
  type CancelTimer,
  type Clock,
  type InferOutput,
  type Service,
  type StandardSchema,
} from '@msc/core'
import type { Occupancy, PresenceState, RealtimeDriver } from './driver.ts'
import { asWritten } from './base/as-written.ts'
import { onPage } from './base/page.ts'
import { createSeen } from './base/seen.ts'
import { safely } from './base/safely.ts'
import type { InTime } from './base/in-time.ts'
import type { MessageAction, MessageHandler, Payload, Sendable } from './base/message.ts'
import { FEED, feedTopic } from './feed/feed-topic.ts'
import { addTo, callAll } from './client/members.ts'
import { createInbox } from './client/inbox.ts'
import { createMembership } from './client/membership.ts'
import { refusal } from './base/refusal.ts'
import { createTopic, type Topic } from './client/topic.ts'
import type { HistoryPage, HistoryWish, Rewind } from './history/types.ts'
import { traced } from './base/traced.ts'
import type * as PublishCode from './client/publish.ts'
import type { OutboxStore } from './outbox/kept.ts'
import type { SendOptions } from './client/sending.ts'
import type { EventSchemas } from './client/typed.ts'
import type { User, Users } from './client/user.ts'

/** `offline`: the browser says that there is no network; it is tried again when there is. `idle`: nothing is subscribed. */
export type ConnectionStatus = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'offline' | 'closed'

export interface RealtimeOptions {
  readonly driver: RealtimeDriver
  /**
   * Asked before every join, before a token expires, and by `refreshToken`. `undefined` says that nobody is signed in: then
   * all that was the last user's ends at once. Reject when it can not be told: the token of before goes on until it expires.
   * The signal ends with the time there is for it, or with the client.
   */
  readonly getToken?: (signal: AbortSignal) => Promise<string | undefined> | string | undefined
  /** Milliseconds for a join, a send or a publication. Default 10 000. */
  readonly timeoutMs?: number | undefined
  /**
   * Told of what fails where nobody waits: a topic that can not be joined (`operation: 'join'`, with `topic`; once for
   * each reason), or rows that can not be loaded (`operation: 'snapshot'`). Default: the reporter of the process (`setErrorReporter` of @msc/core), else the console.
   */
  readonly onError?: ErrorReporter | undefined
  readonly clock?: Clock | undefined
  readonly random?: (() => number) | undefined
  /** Where `broadcast` with `keep` keeps messages. Default: the browser's `localStorage`. */
  readonly outbox?: OutboxStore | undefined
  /**
   * Told of a message that was kept and that this page has sent since: one of a page before, or whose `broadcast` had resolved with
   * `kept` already. With a history it may come with `rewind` and `history` too, by its `id`.
   */
  readonly onSent?: ((message: SentMessage) => void) | undefined
}

/** A message that was kept in the browser, and that the server has taken. */
export interface SentMessage {
  readonly topic: string
  readonly private: boolean
  readonly event: string
  readonly payload: Payload
  /** Where the server keeps it. */
  readonly id?: string
  /** When the server took it, ISO 8601. Where it keeps it. */
  readonly at?: string
}

export interface ChannelOptions<Events extends EventSchemas = EventSchemas> {
  /** What its events carry, as any Standard Schema: sent and handed on only when it is valid. Default: anything. */
  readonly events?: Events | undefined
  /** Default false. All subscribers of a topic say the same. */
  readonly private?: boolean | undefined
  /** Who this client is in presence; the same for all subscribers of a topic that have one. */
  readonly presenceKey?: string | undefined
  /**
   * Brings what was missed after an interruption, where the server keeps the topic's messages (`history` of
   * `createRealtimeServer`); `onGap` only when that is gone. `rewind` and `from` say so too. Default false.
   */
  readonly history?: boolean | undefined
  /** Begins with the latest messages, at most so many, and of so many milliseconds; then come live ones, none twice. */
  readonly rewind?: Rewind | undefined
  /** Begins after a `position` that was kept or handed over, by a server's render for instance. Goes before `rewind`. */
  readonly from?: string | undefined
}

/** The events of a channel for which no schemas were given. What comes is whatever its sender has sent: it is not checked. */
export type AnyEvents = Readonly<Record<string, StandardSchema<Sendable, Payload>>>
export type NameOf<Events> = keyof Events & string
export type Received<Events, Event> = Event extends keyof Events
  ? InferOutput<Events[Event]>
  : InferOutput<Events[keyof Events]>
type Sent<Events, Event extends keyof Events> =
  Events[Event] extends StandardSchema<infer Input, unknown> ? Input : never

type On<Events extends EventSchemas> = AnyEvents extends Events
  ? <Data = Payload>(event: string, handler: MessageHandler<Data>) => () => void
  : <Event extends NameOf<Events> | '*'>(event: Event, handler: MessageHandler<Received<Events, Event>>) => () => void

/** What became of a message. */
export interface BroadcastResult {
  /** `sent`: the server has taken it. `kept`: it is in the browser, and is sent as soon as it can be; only with `keep`. */
  readonly state: 'sent' | 'kept'
  /** Where the server keeps it. */
  readonly id?: string
}

export interface Channel<Events extends EventSchemas = AnyEvents> {
  readonly topic: string
  /** Resolves when the server has said that the subscription is live; rejects when its topic is left before, by all that are in it. */
  readonly ready: Promise<void>
  /**
   * Hears broadcasts of one event, `*` for all. Returns a function that ends it. Without schemas the handler may say what it
   * expects, which is not checked: `channel.on('note', (note: Note) => …)`.
   */
  readonly on: On<Events>
  /**
   * Hears what is done to messages, in its place among them, also what was missed and what this client does. Only with a history.
   * A message that was not heard, or is gone, may be meant too.
   */
  onAction(handler: (action: MessageAction<Received<Events, '*'>>) => void): () => void
  /** Called after each interruption: what was sent meanwhile is missing, so reload. */
  onGap(handler: () => void): () => void
  /**
   * Hears `true` when the subscription becomes live, and `false` when that is over; `ready` says whether it has been. What is
   * sent meanwhile waits.
   */
  onReady(handler: (ready: boolean) => void): () => void
  /**
   * Called when it can not be joined: refused, not answered, no token. And when the server refuses a state that was tracked,
   * after an interruption as well. Both are tried again, more and more rarely, but a state that is refused for good.
   */
  onError(handler: (error: Error) => void): () => void
  /**
   * Hears how many are in the topic, on all servers, without their names: now, and when it changes, at most once a second. Only the
   * embedded server counts: elsewhere `onError` is told `REALTIME_NO_OCCUPANCY`.
   */
  onOccupancy(handler: (occupancy: Occupancy) => void): () => void
  /** Hears who is there, all of them, each time that changes. */
  onPresence(handler: (state: PresenceState) => void): () => void
  /**
   * Resolves when the server has taken it, with its `id` where the server keeps it: any JSON, or a `Uint8Array` where the driver carries bytes. Waits for a connection
   * within the time limit; at most 100 wait.
   *
   * @throws ConfigError `REALTIME_PAYLOAD_INVALID` for what is no JSON, `REALTIME_PAYLOAD_TOO_LARGE` for more bytes than the
   *   server said it takes, `REALTIME_NO_BYTES`; `REALTIME_USER_CHANGED` when it still waited as another user came.
   * @throws DriverError when the server refuses it: only a `retryable` one is worth another try, after `retryAfterMs`.
   */
  broadcast<Event extends NameOf<Events>>(
    event: Event,
    payload: Sent<Events, Event>,
    options?: SendOptions,
  ): Promise<BroadcastResult>
  /**
   * Messages that the server keeps, the latest or those before one, oldest first. Without a history there are none.
   *
   * @throws DriverError or DeadlineError when it can not be read now.
   */
  history(wish?: HistoryWish): Promise<HistoryPage>
  /**
   * Gives a message that the server keeps another payload. Resolves once that is kept. With `events` it is checked against the
   * schema of the event that the message was sent as.
   *
   * @throws As `broadcast`. ConfigError `REALTIME_NO_ACTIONS` where messages can't be changed, as on Supabase; DriverError
   *   `REALTIME_MESSAGE_UNKNOWN` for one that is not in this topic, or no more, and `REALTIME_REFUSED` for who may not;
   *   `REALTIME_MESSAGE_FULL` after ten thousand changes. ValidationError for a payload that is not valid.
   */
  update(id: string, payload: Sent<Events, NameOf<Events>>): Promise<void>
  /** Deletes a message that the server keeps. @throws As `update`. */
  remove(id: string): Promise<void>
  /**
   * Reacts to a message that the server keeps, by a name of at most 64 bytes, in this user's name. Nothing happens where they have.
   *
   * @throws As `update`; `REALTIME_MESSAGE_FULL` for the fifty-first name.
   */
  react(id: string, name: string): Promise<void>
  /** Takes that back. Nothing happens where there is none. @throws As `update`. */
  unreact(id: string, name: string): Promise<void>
  /**
   * How far this channel has heard, with a history and once it is live: keep it, or hand it over, for `from`. `undefined`
   * before, and where nothing is kept.
   */
  readonly position?: string | undefined
  /**
   * Shows this client to the others, also after each interruption, until it is taken back or left, or the user changes. Where
   * several subscribers of a topic do, the last one counts. One that can't be shown now, as in a room that is full, is tried
   * again until it is, also where this has rejected; one that the server refuses for good is not shown again.
   *
   * @throws As `broadcast`; also `REALTIME_PAYLOAD_INVALID` for what is no object.
   */
  track(state: object): Promise<void>
  untrack(): Promise<void>
  /** Ends this subscription and its presence; the topic is left with the last one. Idempotent. */
  leave(): void
}

export type ChangeType = 'INSERT' | 'UPDATE' | 'DELETE'

export interface Change<Row = Record<string, unknown>> {
  readonly type: ChangeType
  /** The row as it is now; the old one for a DELETE. */
  readonly data: Row
  readonly old: Row | undefined
}

export interface FeedHandlers<Row = Record<string, unknown>, Snapshot = readonly Row[]> {
  readonly onChange: (change: Change<Row>) => void
  /**
   * Loads all there is. Called when the feed is live, so that nothing falls between, and after each gap; changes wait until
   * it is done. One that it shows already may come again. When it rejects, has no list or takes longer than the client's
   * `timeoutMs` it is tried again, more and more rarely; until it is there the health is `degraded`. The signal ends with the feed,
   * the user's stay, or a gap that makes what is being loaded one of before.
   */
  readonly snapshot?: ((signal: AbortSignal) => Promise<Snapshot>) | undefined
  /** Told each time that it could not be loaded, of why (`REALTIME_SNAPSHOT_FAILED`); the client's `onError` is once for each reason. */
  readonly onError?: ((error: Error) => void) | undefined
  readonly onSnapshot?: ((snapshot: Snapshot) => void) | undefined
  /**
   * Where the rows that are shown already come from, as `feedPosition` said on the server: what changed since then comes, each
   * change once, and `snapshot` is called only after a gap, such as a position that nothing is known of any more.
   */
  readonly from?: string | undefined
  /** Changes were missed. With `onSnapshot` of several gaps until the rows are there only the first is told, else each. */
  readonly onGap?: (() => void) | undefined
}

export interface Realtime extends Service {
  readonly concern: 'realtime'
  readonly status: ConnectionStatus
  /** Never called from within a call of yours. */
  onStatus(listener: (status: ConnectionStatus) => void): () => void
  /**
   * Asks `getToken` who the user is, at once. Call it when somebody signs in or out. If it names another user (another `sub`,
   * `session_id` or `role`) or nobody, all topics leave and join again as whoever it is now, and nothing of the user before is
   * left when this resolves: sends that wait have rejected with `REALTIME_USER_CHANGED`, and presence, positions and messages
   * are forgotten. Channels stay, and hear of a gap; a presence has to be tracked anew. For the same user it hands on the token.
   *
   * @throws what `getToken` rejects with, or DeadlineError: then everything is as it was. ConfigError `REALTIME_TOKEN_LOOP` for the
   *   hundredth and first call without a second's rest, as where `getToken` calls it.
   */
  refreshToken(): Promise<void>
  channel<Events extends EventSchemas = AnyEvents>(topic: string, options?: ChannelOptions<Events>): Channel<Events>
  /**
   * The changes of one owner's rows, each once and in their order, also those of the time when the connection was lost.
   * `onGap` when that history is gone, or nobody keeps one. Returns a function that ends it.
   */
  feed<Row>(
    table: string,
    ownerId: string,
    onChange: ((change: Change<Row>) => void) | FeedHandlers<Row>,
    onGap?: () => void,
  ): () => void
  /**
   * Publishes without a subscription: for servers. Nothing is kept.
   *
   * @throws ConfigError `REALTIME_PAYLOAD_INVALID` for a payload that is no JSON, as bytes are not.
   * @throws DriverError or DeadlineError when the message was not taken; UnavailableError `BREAKER_OPEN`, retryable and at
   *   once, for 5 s after five failures in a row, then while one publication probes.
   */
  publish(topic: string, event: string, payload: Sendable, options?: { readonly private?: boolean }): Promise<void>
  /** Publishes a row's change to its owner's feed, in the shape of Supabase's `realtime.broadcast_changes`. */
  publishChange(change: {
    readonly table: string
    readonly ownerId: string
    readonly type: ChangeType
    readonly record: unknown
    readonly old?: unknown
  }): Promise<void>
}

const CONTRACT: DriverContract<RealtimeDriver> = {
  concern: 'realtime',
  version: 1,
  methods: ['subscribe'],
  optional: ['publish'],
}

/** @throws ConfigError for a driver that does not keep the contract, or none. */
export function createRealtime(options: RealtimeOptions): Realtime {
  const driver = assertDriver(CONTRACT, (options as RealtimeOptions | null | undefined)?.driver)
  const { timeoutMs = 10_000, clock = systemClock, random = Math.random } = options
  // `assertNumbers` would cost every page twice as much.
  if (!(typeof timeoutMs === 'number' && timeoutMs >= 1 && timeoutMs <= 1e15))
    throw refusal('Invalid `timeoutMs`.', 'OPTION_INVALID')
  const topics = new Map<string, Topic>()
  const listeners = new Set<(status: ConnectionStatus) => void>()
  const stats = { gaps: 0, published: 0 }
  const breaker: { state: BreakerState } = { state: 'closed' }
  let status: ConnectionStatus = 'idle'
  let told: ConnectionStatus = 'idle'
  let cancelTell: CancelTimer | undefined
  const closing = new AbortController()
  let trouble: string | undefined
  // One for all its topics: they share the connection that comes back.
  const share = random()

  const {
    service,
    assertOpen,
    report,
    inTime: callInTime,
  } = createPageService({
    concern: 'realtime',
    driver,
    clock,
    onError: options.onError,
    breaker,
    stats: () => ({ topics: topics.size, ...stats }),
    degraded: () => (status === 'reconnecting' ? (trouble ?? status) : user.trouble),
    // A message is taken by the server before its promise resolves, so there is nothing to flush.
    async close(_budgetMs, reason) {
      closing.abort(reason)
      await Promise.all([...topics.values()].map(({ membership }) => membership.close(reason)))
      topics.clear()
      settleStatus()
    },
  })

  /** At least this client's share of the time over which a server that lost all its clients wants them back. */
  const retryMs = (attempt: number, spreadMs = 0): number =>
    Math.max(200 + backoff(attempt, { baseMs: 500, maxMs: 15_000, random }), share * spreadMs)

  const settleStatus = (): void => {
    const states = [...topics.values()].map(({ membership }) => membership.state)
    const next: ConnectionStatus = closing.signal.aborted
      ? 'closed'
      : !topics.size
        ? 'idle'
        : states.includes('reconnecting')
          ? (globalThis as { navigator?: { onLine?: boolean } }).navigator?.onLine === false
            ? 'offline'
            : 'reconnecting'
          : states.includes('connecting')
            ? 'connecting'
            : 'connected'
    if (next === status) return
    status = next
    if (next === 'connected') trouble = undefined
    // Later, and once: a listener that joins or leaves must not be called from within itself.
    cancelTell ??= clock.setTimeout(() => {
      cancelTell = undefined
      // It may have gone and come back meanwhile.
      if (status === told) return
      told = status
      // oxlint-disable-next-line unicorn/no-useless-spread -- it changes meanwhile
      for (const listener of [...listeners]) if (listeners.has(listener)) safely(() => listener(status))
    }, 0)
  }

  // A network that goes says nothing to a topic that is waiting for its next try.
  onPage(['online', 'offline'], settleStatus, closing.signal)

  const inTime: InTime = (what, call, signal) => callInTime(what, timeoutMs, call, signal)

  const user: User = {}
  /**
   * For topics, and for code that is loaded late: it imports nothing that is here already, or bundlers would split that. In the
   * order in which the names compress best.
   */
  const tools = {
    options,
    safely,
    UnavailableError,
    emit,
    randomHex,
    topics,
    breaker,
    stats,
    getToken: () => inTime('getToken', async (signal) => options.getToken?.(signal), closing.signal),
    user,
    driver,
    clock,
    createInbox,
    callAll,
    createMembership,
    traced,
    carrier,
    report,
    inTime,
    sleep,
    refusal,
    retryMs,
  }
  /** Who has no tokens never needs the code that knows users. */
  const users: Users = async (what, ...args: unknown[]) => {
    if (options.getToken) await (await import('./client/user.ts'))[what](tools, ...(args as [never, never, never]))
  }

  /** What is in the way is said once, not at each attempt; a network that is away is the status's to tell. */
  const warned = createSeen(500)
  const warn = (topic: string, error: Error & Partial<MscError>): void => {
    trouble = error.message
    if (error.retryable && !error.code?.endsWith('REFUSED')) return
    if (warned.add(topic + trouble)) report(error, 'join', { topic })
  }

  const topicFor = (name: string, wanted: ChannelOptions): Topic => {
    assertOpen()
    let topic = topics.get(name)
    if (topic) return topic
    topic = createTopic({
      ...tools,
      name,
      private: !!wanted.private,
      feed: wanted.private && name.startsWith(FEED),
      users,
      onState: settleStatus,
      warn,
      onInvalid(error) {
        emit('driver.drop', { concern: 'realtime', driver: driver.name, reason: 'invalid payload', count: 1 })
        report(error, 'receive', { topic: name })
      },
    })
    topics.set(name, topic)
    settleStatus()
    return topic
  }

  /** Loaded by the first publication: a page has its channels, and most need nothing else. */
  const publishing = async <What extends 'publishNow' | 'publishChange'>(
    what: What,
    args: Parameters<(typeof PublishCode)[What]>[2],
  ): Promise<void> => {
    assertOpen()
    const written = asWritten(args)
    await (await import('./client/publish.ts'))[what](written, tools, args as never)
  }

  return {
    ...service,
    channel<Events extends EventSchemas>(name: string, channelOptions: ChannelOptions<Events> = {}): Channel<Events> {
      if (!name) throw refusal('No topic.', 'REALTIME_TOPIC_INVALID')
      return topicFor(name, channelOptions).subscribe(channelOptions) as unknown as Channel<Events>
    },
    feed<Row>(
      table: string,
      ownerId: string,
      onChange: ((change: Change<Row>) => void) | FeedHandlers<Row>,
      onGap?: () => void,
    ) {
      const wanted = { from: (onChange as Partial<FeedHandlers> | undefined)?.from, private: true }
      const topic = topicFor(feedTopic(table, ownerId), wanted)
      const channel = topic.subscribe(wanted)
      const ending = new AbortController()
      safely(() =>
        topic.feedCode.promise.then((code) =>
          code.openFeed(channel, onChange, onGap, { ...tools, signal: ending.signal }),
        ),
      )
      return () => {
        ending.abort()
        channel.leave()
      }
    },
    onStatus: (listener) => addTo(listeners, listener),
    publishChange: (change) => publishing('publishChange', [change]),
    publish: (...message) => publishing('publishNow', message),
    refreshToken: () => users('refreshToken'),
    get status() {
      return status
    },
  }
}
