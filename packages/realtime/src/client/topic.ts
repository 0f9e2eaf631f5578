import { ConfigError, UnavailableError, emit, sleep, toError, withCarrier, withoutScope, type Clock } from '@msc/core'
import type { MessageHandler } from '../base/message.ts'
import { safely } from '../base/safely.ts'
import { stamped } from '../base/stamp.ts'
import type { PresenceState, RealtimeDriver, Subscription } from '../driver.ts'
import type { FeedInbox } from '../feed/feed-inbox.ts'
import type * as FeedCode from '../feed/feed-code.ts'
import { createInbox } from './inbox.ts'
import type { InTime } from '../base/in-time.ts'
import { onPage } from '../base/page.ts'
import { deferred } from '../base/promises.ts'
import type { RawChannel } from './raw-channel.ts'
import { createTracking } from './tracking.ts'

export interface TopicOptions {
  readonly name: string
  readonly driver: RealtimeDriver
  readonly private: boolean
  /** What was missed is asked for, where the driver can say. */
  readonly feed: boolean
  readonly getToken: () => Promise<string | undefined>
  readonly inTime: InTime
  /** A message was not taken. */
  readonly onDrop: (reason: string) => void
  readonly clock: Clock
  /** `spreadMs`: the time over which the server wants its clients back, when it said so. */
  readonly retryMs: (attempt: number, spreadMs: number | undefined) => number
  readonly onState: () => void
  readonly onGap: () => void
  /** It could not be joined, and is tried again. */
  readonly onError: (error: Error) => void
  /** The last subscriber has left. */
  readonly onEmpty: () => void
}

/** One topic, joined once however many subscribe to it, and joined again whenever it is lost. */
export interface Topic {
  readonly state: 'joining' | 'live' | 'retrying' | 'closed'
  readonly private: boolean
  /** Loaded before the first join of a feed, so what waits for it misses nothing. */
  readonly feedCode: Promise<typeof FeedCode>
  /** @throws ConfigError for another presence key than that of somebody who is here. */
  subscribe(presenceKey: string | undefined): RawChannel
  close(reason: Error): Promise<void>
}

interface Member {
  readonly presenceKey: string | undefined
  readonly errors: Set<(error: Error) => void>
  readonly handlers: Set<readonly [event: string, handler: MessageHandler]>
  readonly gaps: Set<() => void>
  readonly presence: Set<(state: PresenceState) => void>
}

/** The handlers of a member that take a `T`. */
type KindFor<T> = T extends Error ? 'errors' : T extends undefined ? 'gaps' : 'presence'

export function createTopic(options: TopicOptions): Topic {
  const { name, driver, clock } = options
  const members = new Set<Member>()
  const closing = new AbortController()
  let state: Topic['state'] = 'joining'
  let live = deferred<Subscription>()
  let waiting = 0
  const tracking = createTracking<Member>()
  let presenceKey: string | undefined
  let presence: PresenceState | undefined
  /** Gives up the subscription for one with other options. */
  let redo: (() => void) | undefined
  let lose: (() => void) | undefined
  let wake: AbortController | undefined
  let running: Promise<void> | undefined

  const move = (next: Topic['state']): void => {
    state = next
    options.onState()
  }

  const handOn = createInbox((event, payload, traceparent) => {
    const run = (): void => {
      emit('realtime.receive', { topic: name, event })
      for (const member of members) {
        for (const [wanted, handler] of member.handlers)
          if (wanted === event || wanted === '*') safely(() => handler(payload, event))
      }
    }
    if (traceparent === undefined) run()
    else withCarrier({ traceparent }, run)
  })
  const feedCode = deferred<typeof FeedCode>()
  let feedInbox: FeedInbox | undefined
  const openFeedInbox = async (): Promise<void> => {
    if (options.feed && !feedInbox) {
      const code = await import('../feed/feed-code.ts')
      feedInbox = code.createFeedInbox(handOn)
      feedCode.resolve(code)
    }
    feedInbox?.hold()
  }

  const callAll = <T>(kind: KindFor<T>, value: T): void => {
    for (const member of members)
      for (const handler of member[kind] as Iterable<(value: T) => void>) safely(() => handler(value))
  }

  const inTime = <T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    options.inTime(`${what} on ${name}`, call, closing.signal)

  /** Joins, waits until it is lost, and again, until the topic is closed. Never rejects. */
  const run = async (): Promise<void> => {
    let attempt = 0
    let joinedBefore = false
    for (;;) {
      let spreadMs: number | undefined
      let liveAt = Infinity
      let isAsked = false
      let again = false
      const lost = new AbortController()
      const down = deferred<void>()
      let subscription: Subscription | undefined
      const end = (): void => {
        // At once, so that nothing more is sent to what is lost.
        if (state === 'live') {
          live = deferred()
          move('retrying')
        }
        down.resolve()
      }
      lose = end
      redo = () => {
        // Until then it has not said them.
        if (!isAsked) return
        again = true
        end()
      }
      try {
        const [token] = await Promise.all([getToken(), openFeedInbox()])
        isAsked = true
        subscription = await inTime('join', (signal) =>
          driver.subscribe(
            name,
            { private: options.private, token, self: false, presenceKey },
            {
              onMessage(event, payload) {
                // Joined anew, it fetches everything from its cursor on.
                if (!feedInbox) handOn(event, payload)
                else if (!feedInbox.receive(event, payload)) end()
              },
              onPresence(next) {
                presence = next
                callAll('presence', next)
              },
              onDown(_reason, spread) {
                spreadMs = spread
                end()
              },
            },
            signal,
          ),
        )
        const joined = subscription
        // Who may not be seen may still hear.
        await tell(joined).catch(report)
        // A topic that is no feed has no history.
        const missing = (await feedInbox?.catchUp(joined, inTime)) ?? true
        move('live')
        liveAt = clock.monotonic()
        live.resolve(joined)
        if (joinedBefore && missing) {
          options.onGap()
          callAll('gaps', undefined)
        }
        joinedBefore = true
        if (token !== undefined) renew(token, joined, lost.signal).catch(() => undefined)
        await down.promise
      } catch (error) {
        // Refused, timed out, or no token: each is tried again, more and more rarely.
        report(error)
      }
      lost.abort()
      // A driver that throws, answers with no promise or never settles costs itself.
      await options.inTime('leave', async () => subscription?.leave()).catch(() => undefined)
      if (closing.signal.aborted) return
      move('retrying')
      wake = new AbortController()
      // Another tab has the connection now, and waits for nobody; unless it goes on like that.
      const wasStable = clock.monotonic() - liveAt > 1000
      if (wasStable) attempt = 0
      const atOnce = again || (spreadMs === 0 && wasStable)
      const waitMs = atOnce ? 0 : options.retryMs(attempt++, spreadMs)
      await sleep(waitMs, { clock, signal: wake.signal }).catch(() => undefined)
    }
  }

  /** One request for all topics; this one may be left meanwhile. */
  const getToken = (): Promise<string | undefined> => inTime('getToken', options.getToken)

  /** Its code is loaded late. Without it the topic would end with its token, and be joined anew. */
  const renew = async (token: string, joined: Subscription, signal: AbortSignal): Promise<void> => {
    const { keepRenewed } = await import('./renewal.ts')
    keepRenewed(token, { clock, getToken, onToken: (next) => joined.setToken(next), signal })
  }

  const tell = (subscription: Subscription): Promise<void> =>
    inTime('presence', (signal) => tracking.tell(subscription, signal))

  const report = (reason: unknown): void => {
    if (closing.signal.aborted) return
    const error = toError(reason)
    options.onError(error)
    callAll('errors', error)
  }

  /** A page that wakes or comes online does not wait out the rest of its backoff. */
  const nudge = (): void => wake?.abort()
  onPage(['online', 'visibilitychange'], nudge, closing.signal)

  const withLive = async <T>(
    operation: string,
    use: (subscription: Subscription, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    // As many may wait for a connection. Written out, because a constant would be downloaded too.
    if (waiting >= 100) {
      options.onDrop('queue full')
      throw new UnavailableError(`[msc/realtime] 100 sends wait for ${name}.`, {
        code: 'REALTIME_QUEUE_FULL',
      })
    }
    waiting += 1
    return inTime(operation, async (signal) => use(await live.promise, signal)).finally(() => (waiting -= 1))
  }

  const close = async (reason: Error): Promise<void> => {
    if (state === 'closed') return
    closing.abort(reason)
    lose?.()
    live.reject(reason)
    nudge()
    move('closed')
    await running
  }

  return {
    get state() {
      return state
    },
    private: options.private,
    feedCode: feedCode.promise,
    close,
    subscribe(key) {
      if (key !== undefined && key !== presenceKey) {
        if ([...members].some((other) => other.presenceKey !== undefined)) throw conflict(name)
        presenceKey = key
        redo?.()
      }
      const member: Member = {
        presenceKey: key,
        errors: new Set(),
        handlers: new Set(),
        gaps: new Set(),
        presence: new Set(),
      }
      members.add(member)
      running ??= withoutScope(run)
      const ready = live.promise.then(() => undefined)
      ready.catch(() => undefined)
      return {
        topic: name,
        ready,
        on: (event, handler) => addTo(member.handlers, [event, handler] as const),
        onGap: (handler) => addTo(member.gaps, handler),
        onError: (handler) => addTo(member.errors, handler),
        onPresence(handler) {
          const stop = addTo(member.presence, handler)
          // Who is there already; later, as with everything else.
          queueMicrotask(
            () => member.presence.has(handler) && presence && safely(() => handler(presence as PresenceState)),
          )
          return stop
        },
        // While it is live, asked only of what has failed: writing it twice would cost every broadcast.
        broadcast: (event, payload) =>
          (state !== 'live' && refused(name, payload)) ||
          withLive('broadcast', (subscription, signal) => subscription.send(event, stamped(payload), signal)).catch(
            (error: unknown) => refused(name, payload) ?? Promise.reject(error as Error),
          ),
        // A join tells it by itself; then there is nothing to tell any more.
        track(next) {
          const refusal = refused(name, next)
          if (refusal) return refusal
          tracking.say(member, next)
          return withLive('track', tracking.tell)
        },
        untrack() {
          tracking.unsay(member)
          return withLive('untrack', tracking.tell)
        },
        leave() {
          if (!members.delete(member)) return
          const said = tracking.unsay(member)
          if (members.size > 0) {
            if (said && state === 'live') void live.promise.then(tell).catch(() => undefined)
            return
          }
          options.onEmpty()
          void close(refusal(`${name} was left.`, 'REALTIME_LEFT'))
        },
      }
    },
  }
}

/** Returns a promise that rejects for what can't be written, so that no driver meets it. */
function refused(topic: string, payload: unknown): Promise<never> | undefined {
  try {
    JSON.stringify(payload)
  } catch {
    // What is wrong is found again where it is said.
    return import('./publish.ts').then(({ unwritable }) => Promise.reject(unwritable(ConfigError, topic, payload)))
  }
}

/** The error for a mistake of the application's. In one place, because a page loads it first. */
export function refusal(message: string, code: string): ConfigError {
  return new ConfigError(`[msc/realtime] ${message}`, { code })
}

/** Of two subscribers of one topic: there is one membership for both. */
export function conflict(name: string): ConfigError {
  return refusal(`${name} has another \`private\` or \`presenceKey\`.`, 'REALTIME_TOPIC_CONFLICT')
}

/** Returns a function that takes it out again. */
export function addTo<T>(set: Set<T>, item: T): () => void {
  set.add(item)
  return () => set.delete(item)
}
