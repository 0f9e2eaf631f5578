import { emit, sleep, toError, withoutScope, type Clock, type DriverError } from '@msc/core'
import type { InTime } from '../base/in-time.ts'
import { onPage } from '../base/page.ts'
import { deferred, type Deferred } from '../base/promises.ts'
import type { Rewind } from '../history/types.ts'
import type { PresenceState, RealtimeDriver, Subscription } from '../driver.ts'
import type { FeedInbox } from '../feed/feed-inbox.ts'
import type * as FeedCode from '../feed/feed-code.ts'
import { createInbox } from './inbox.ts'
import { callAll, type Member } from './members.ts'
import type { Presence } from './sending.ts'
import type { User, Users } from './user.ts'

export interface MembershipOptions {
  readonly name: string
  readonly driver: RealtimeDriver
  readonly private: boolean
  /** Where it is anything, what was missed is asked for, if the driver can say. */
  feed: boolean | string | Rewind | undefined
  readonly user: User
  /** Calls what knows users, which is loaded late. After `ask` the token of `user` is right. */
  readonly users: Users
  readonly inTime: InTime
  readonly clock: Clock
  /** `spreadMs`: the time over which the server wants its clients back, when it said so. */
  readonly retryMs: (attempt: number, spreadMs: number | undefined) => number
  readonly onState: () => void
  /** Counts how often messages were missed for good. */
  readonly stats: { gaps: number }
  /** What code that is loaded late does not load again. */
  readonly callAll: typeof callAll
  readonly createInbox: typeof createInbox
  /** It could not be joined, and is tried again; or the server refused a state that was tracked. */
  readonly warn: (topic: string, error: Error) => void
}

/** Those who subscribe to a topic, whoever the user is. */
export interface Audience {
  readonly options: MembershipOptions
  readonly members: Set<Member>
  /** Loaded before the first join of a feed, so what waits for it misses nothing. */
  readonly feedCode: Deferred<typeof FeedCode>
  presenceKey?: string
  /** By memberships before this one something could be heard: whoever comes next has missed something. */
  wasLive?: boolean | undefined
}

/**
 * One user's membership of a topic: joined, and joined again whenever it is lost, until it is closed. All that belongs to the
 * user is in here: another user has another membership, which begins with nothing.
 */
export interface Membership {
  state: 'connecting' | 'connected' | 'reconnecting' | 'closed'
  /** Ends with it. */
  readonly signal: AbortSignal
  /** Resolves with the subscription when there is one; another promise after each interruption. */
  readonly live: Promise<Subscription>
  /** With the first state that is tracked. */
  tracking?: Presence
  presence?: PresenceState
  /** It has been live, or joined at least, so that something could be heard. */
  wasLive?: boolean
  /** Of a topic with a history. */
  inbox?: FeedInbox
  report(error: unknown): void
  /** Within the client's time limit, for as long as the user stays. */
  readonly inTime: InTime
  /** A newer token of the same user. */
  setToken(token: string): void
  /** Joins again at once, with other options. */
  redo(): void
  /**
   * Rejects all that the user has asked for. Resolves when it has been left.
   *
   * @param next The membership that takes its place, for those who wait until one is live.
   */
  close(reason: Error, next?: Membership): Promise<void>
}

/**
 * @param waitMs Before the first join.
 * @param missed Another user's was live before, so that something is missing when this one is.
 */
export function createMembership(topic: Audience, waitMs?: number, missed?: boolean): Membership {
  const { options, feedCode, members } = topic
  const { name, clock, driver, user } = options
  const closing = new AbortController()
  const { signal } = closing
  const handOn = createInbox(members, signal, name)
  let live = deferred<Subscription>()
  let joined: Subscription | undefined
  /** Gives up what is joined, or being joined. */
  let lose: ((again?: boolean) => void) | undefined
  let wake: AbortController | undefined

  const move = (next: Membership['state']): void => {
    self.state = next
    options.onState()
  }
  const inTime: InTime = (what, run) => options.inTime(`${what} on ${name}`, run, signal)
  /** A page that wakes or comes online does not wait out the rest of its backoff. */
  const nudge = (): void => wake?.abort()

  const self: Membership = {
    state: 'connecting',
    signal,
    get live() {
      return live.promise
    },
    report(error) {
      if (signal.aborted) return
      const reason = toError(error)
      options.warn(name, reason)
      callAll(members, 'onError', reason)
    },
    inTime,
    setToken(token) {
      if (self.state === 'connected') joined?.setToken(token)
    },
    redo: () => lose?.(true),
    async close(reason, next) {
      closing.abort(reason)
      lose?.()
      if (next) live.resolve(next.live)
      else live.reject(reason)
      nudge()
      move('closed')
      await running
    },
  }

  /** Joins, waits until it is lost, and again, until it is closed. Never rejects. */
  const run = async (): Promise<void> => {
    for (let attempt = 0; ;) {
      wake = new AbortController()
      if (waitMs) await sleep(waitMs, { clock, signal: wake.signal }).catch(() => undefined)
      if (signal.aborted) return
      let liveAt = Infinity
      let redone: boolean | undefined
      let spreadMs: number | undefined
      const lost = new AbortController()
      const down = deferred<void>()
      joined = waitMs = undefined
      const end = (): void => {
        // At once, so that nothing more is sent to what is lost.
        lost.abort()
        if (self.state === 'connected') {
          live = deferred()
          move('reconnecting')
          callAll(members, 'onReady', false)
        }
        down.resolve()
      }
      try {
        // One request for all topics; this one may be left meanwhile.
        await inTime('getToken', () => options.users('ask'))
        const code = options.feed && (await import('../feed/feed-code.ts'))
        if (code) {
          self.inbox ??= code.createFeedInbox(handOn, self.wasLive, topic, signal)
          self.inbox.hold()
          feedCode.resolve(code)
        }
        // Another token, or presence key, comes too late from now on.
        lose = (again) => {
          redone = again
          end()
        }
        const { token } = user
        joined = await inTime('join', (inner) =>
          driver.subscribe(
            name,
            { self: false, presenceKey: topic.presenceKey, user: user.identity, private: options.private, token },
            {
              onMessage(event, payload, meta) {
                // Joined anew, it fetches everything from its cursor on, which what comes until then must not pass.
                if (lost.signal.aborted) return
                if (!self.inbox) handOn(event, payload)
                else if (!self.inbox.receive(event, payload, meta)) end()
              },
              onPresence(state) {
                if (!signal.aborted) callAll(members, 'onPresence', (self.presence = state))
              },
              onDown(_reason, spread) {
                spreadMs = spread
                end()
              },
            },
            inner,
          ),
        )
        const wasLive = self.wasLive
        // What comes from now on is handed on, also before it is live: lost by then, it has missed something as well.
        self.wasLive = true
        await self.tracking?.join(joined)
        // A topic that is no feed has no history. Told when it is live, however often that is interrupted before.
        missed = (((await self.inbox?.catchUp(joined, inTime)) ?? true) && wasLive) || missed
        if (!lost.signal.aborted) {
          liveAt = clock.monotonic()
          live.resolve(joined)
          move('connected')
          callAll(members, 'onReady', true)
          if (missed) {
            missed = false
            options.stats.gaps += 1
            emit('realtime.gap', { topic: name })
            callAll(members, 'onGap')
          }
          options.users('renew', token, self, lost.signal).catch(() => undefined)
        }
        await down.promise
      } catch (error) {
        // Refused, timed out, or no token: each is tried again, more and more rarely, and not before the server wants it.
        self.report(error)
        waitMs = (error as DriverError | undefined)?.retryAfterMs
      }
      lose = undefined
      lost.abort()
      // A driver that throws, answers with no promise or never settles costs itself.
      await options.inTime('leave', async () => joined?.leave()).catch(() => undefined)
      // Another tab has the connection now, and waits for nobody; unless it goes on like that.
      const wasStable = clock.monotonic() - liveAt > 1000
      if (signal.aborted) return
      move('reconnecting')
      if (wasStable) attempt = 0
      if (!redone && (!wasStable || spreadMs !== 0)) waitMs = options.retryMs(attempt++, spreadMs) + (waitMs || 0)
    }
  }
  onPage(['online', 'visibilitychange'], nudge, signal)
  const running = withoutScope(run)
  return self
}
