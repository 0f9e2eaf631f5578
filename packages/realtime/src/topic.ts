import { UnavailableError, deadline, emit, sleep, toError, withCarrier, type CancelTimer, type Clock } from '@msc/core'
import type { Channel, MessageHandler, Payload } from './create-realtime.ts'
import { stamped } from './create-realtime.ts'
import type { PresenceState, RealtimeDriver, Subscription } from './driver.ts'
import { isCursor, laterCursor } from './feed/page.ts'
import { createSeen } from './seen.ts'
import { expiresAt } from './token.ts'

export interface TopicOptions {
  readonly name: string
  readonly driver: RealtimeDriver
  readonly private: boolean
  /** What was missed is asked for, where the driver can say. */
  readonly feed: boolean
  readonly presenceKey?: string
  readonly getToken: (signal: AbortSignal) => Promise<string | undefined>
  readonly timeoutMs: number
  readonly clock: Clock
  readonly retryMs: (attempt: number) => number
  /** From 0 to 1: where this client stands among all that come back. */
  readonly share: number
  readonly onState: () => void
  readonly onGap: () => void
  /** The last subscriber has left. */
  readonly onEmpty: () => void
}

/** A channel before anything is known of its events. */
export interface RawChannel extends Omit<Channel, 'on' | 'broadcast'> {
  on(event: string, handler: MessageHandler): () => void
  broadcast(event: string, payload: Payload): Promise<void>
}

/** One topic, joined once however many subscribe to it, and joined again whenever it is lost. */
export interface Topic {
  readonly state: 'joining' | 'live' | 'retrying' | 'closed'
  subscribe(): RawChannel
  close(reason: Error): Promise<void>
}

interface Member {
  readonly handlers: Set<readonly [event: string, handler: MessageHandler]>
  readonly gaps: Set<() => void>
  readonly presence: Set<(state: PresenceState) => void>
}

/** Sends that may wait for a connection. */
const MAX_WAITING = 100
/** Messages that may wait until what came before them is known. */
const MAX_EARLY = 10_000
/** Renewed this long before it expires. */
const RENEW_BEFORE_MS = 30_000

export function createTopic(options: TopicOptions): Topic {
  const { name, driver, clock, timeoutMs } = options
  const members = new Set<Member>()
  const seen = createSeen(options.feed ? 5000 : 500)
  const closing = new AbortController()
  let state: Topic['state'] = 'joining'
  let live = deferred<Subscription>()
  let waiting = 0
  let tracked: Readonly<Record<string, unknown>> | undefined
  let presence: PresenceState = {}
  let wake: AbortController | undefined
  let running: Promise<void> | undefined
  let renewal: CancelTimer | undefined
  let cursor: string | undefined
  // While what came before is fetched, what comes has to wait.
  let early: (readonly [event: string, payload: Readonly<Record<string, unknown>>])[] | undefined

  const move = (next: Topic['state']): void => {
    state = next
    options.onState()
  }

  const deliver = (event: string, raw: Readonly<Record<string, unknown>>): void => {
    const { _msc: stamp, ...payload } = raw as {
      _msc?: { id?: string; traceparent?: string; cursor?: unknown }
    }
    if (stamp?.id !== undefined && !seen.add(stamp.id)) return
    if (options.feed && isCursor(stamp?.cursor)) cursor = laterCursor(cursor, stamp.cursor)
    const run = (): void => {
      emit('realtime.receive', { topic: name, event })
      for (const member of members) {
        for (const [wanted, handler] of member.handlers)
          if (wanted === event || wanted === '*') safely(() => handler(payload, event))
      }
    }
    if (stamp?.traceparent === undefined) run()
    else withCarrier({ traceparent: stamp.traceparent }, run)
  }

  /**
   * All that came after the cursor, and then what has come meanwhile; at first, where the feed is now.
   *
   * @returns Whether something is missing for good: history is gone, or nobody keeps one.
   */
  const catchUp = async (subscription: Subscription): Promise<boolean> => {
    const { since } = subscription
    let missing = since === undefined
    for (let more = since !== undefined; more;) {
      const page = await deadline((signal) => since?.(cursor, signal) ?? Promise.resolve(undefined), {
        operation: `[msc/realtime] [${driver.name}] history of ${name}`,
        timeoutMs,
        signal: closing.signal,
        clock,
      })
      if (!page || page.gap) missing = true
      for (const { event, payload } of page?.events ?? []) deliver(event, payload)
      cursor = page?.cursor
      more = page?.more ?? false
    }
    const waited = early ?? []
    early = undefined
    for (const [event, payload] of waited) deliver(event, payload)
    return missing
  }

  /** A message that was too large to be sent says only that there is one. */
  const isStub = (raw: Readonly<Record<string, unknown>>): boolean =>
    (raw['_msc'] as { more?: unknown } | undefined)?.more === true

  /** Joins, waits until it is lost, and again, until the topic is closed. Never rejects. */
  const run = async (): Promise<void> => {
    let attempt = 0
    let joinedBefore = false
    while (!closing.signal.aborted) {
      let spreadMs: number | undefined
      let liveAt: number | undefined
      const down = deferred<Error>()
      let subscription: Subscription | undefined
      let missing = true
      early = options.feed ? [] : undefined
      try {
        const token = await deadline((signal) => options.getToken(signal), {
          operation: '[msc/realtime] getToken',
          timeoutMs,
          signal: closing.signal,
          clock,
        })
        subscription = await deadline(
          (signal) =>
            driver.subscribe(
              name,
              {
                private: options.private,
                token,
                self: false,
                ...(options.presenceKey !== undefined && { presenceKey: options.presenceKey }),
              },
              {
                onMessage(event, payload) {
                  if (options.feed && isStub(payload)) {
                    // Joined anew, it fetches everything from its cursor on.
                    down.resolve(new Error('A message has to be fetched.'))
                  } else if (!early) deliver(event, payload)
                  else if (early.length < MAX_EARLY) early.push([event, payload])
                  else down.resolve(new Error('Too much came before its turn.'))
                },
                onPresence(next) {
                  presence = next
                  for (const member of members) for (const handler of member.presence) safely(() => handler(next))
                },
                onDown(reason, spread) {
                  spreadMs = spread
                  down.resolve(reason)
                },
              },
              signal,
            ),
          { operation: `[msc/realtime] [${driver.name}] join ${name}`, timeoutMs, signal: closing.signal, clock },
        )
        attempt = 0
        if (tracked) await subscription.track(tracked, closing.signal)
        if (options.feed) missing = await catchUp(subscription)
        move('live')
        liveAt = clock.monotonic()
        live.resolve(subscription)
        if (joinedBefore && missing) {
          options.onGap()
          for (const member of members) for (const handler of member.gaps) safely(handler)
        }
        joinedBefore = true
        renewBefore(token, subscription)
        await Promise.race([down.promise, aborted(closing.signal)])
      } catch {
        // Refused, timed out, or no token: each is tried again, more and more rarely.
      }
      renewal?.()
      if (state === 'live') live = deferred()
      await subscription?.leave().catch(() => undefined)
      if (closing.signal.aborted) return
      move('retrying')
      wake = new AbortController()
      const signal = AbortSignal.any([closing.signal, wake.signal])
      // Another tab has the connection now, and waits for nobody; unless it goes on like that.
      const atOnce = spreadMs === 0 && liveAt !== undefined && clock.monotonic() - liveAt > 1000
      const waitMs = atOnce ? 0 : Math.max(options.retryMs(attempt++), options.share * (spreadMs ?? 0))
      await sleep(waitMs, { clock, signal }).catch(() => undefined)
    }
  }

  const renewBefore = (token: string | undefined, subscription: Subscription): void => {
    const at = token === undefined ? undefined : expiresAt(token)
    if (at === undefined) return
    renewal = clock.setTimeout(
      () => {
        void renew(subscription)
      },
      Math.max(1000, at - clock.now() - RENEW_BEFORE_MS),
    )
  }

  const renew = async (subscription: Subscription): Promise<void> => {
    try {
      const next = await deadline((signal) => options.getToken(signal), {
        operation: '[msc/realtime] getToken',
        timeoutMs,
        signal: closing.signal,
        clock,
      })
      if (next === undefined || closing.signal.aborted) return
      subscription.setToken(next)
      renewBefore(next, subscription)
    } catch {
      // The server will close the topic at expiry, and the join asks again.
    }
  }

  /** A page that wakes or comes online does not wait out the rest of its backoff. */
  const nudge = (): void => wake?.abort()
  const page = globalThis as {
    addEventListener?: typeof addEventListener
    removeEventListener?: typeof removeEventListener
  }
  page.addEventListener?.('online', nudge)
  page.addEventListener?.('visibilitychange', nudge)

  const withLive = async <T>(
    operation: string,
    use: (subscription: Subscription, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    if (waiting >= MAX_WAITING) {
      emit('driver.drop', { concern: 'realtime', driver: driver.name, reason: 'queue full', count: 1 })
      throw new UnavailableError(`[msc/realtime] ${MAX_WAITING} messages wait for ${name} already.`, {
        code: 'REALTIME_QUEUE_FULL',
      })
    }
    waiting += 1
    try {
      return await deadline(async (signal) => use(await live.promise, signal), {
        operation: `[msc/realtime] [${driver.name}] ${operation} on ${name}`,
        timeoutMs,
        signal: closing.signal,
        clock,
      })
    } finally {
      waiting -= 1
    }
  }

  const close = async (reason: Error): Promise<void> => {
    if (state === 'closed') return
    closing.abort(reason)
    live.reject(reason)
    page.removeEventListener?.('online', nudge)
    page.removeEventListener?.('visibilitychange', nudge)
    move('closed')
    await running
  }

  return {
    get state() {
      return state
    },
    close,
    subscribe() {
      const member: Member = { handlers: new Set(), gaps: new Set(), presence: new Set() }
      members.add(member)
      running ??= run()
      const ready = live.promise.then(() => undefined)
      ready.catch(() => undefined)
      return {
        topic: name,
        ready,
        on: (event, handler) => addTo(member.handlers, [event, handler] as const),
        onGap: (handler) => addTo(member.gaps, handler),
        onPresence(handler) {
          if (Object.keys(presence).length > 0) safely(() => handler(presence))
          return addTo(member.presence, handler)
        },
        broadcast: (event, payload) =>
          withLive('broadcast', (subscription, signal) => subscription.send(event, stamped(payload), signal)),
        async track(next) {
          const joined = state === 'live'
          tracked = next
          // A join tracks by itself; only a topic that is live already has to be told.
          await withLive('track', async (subscription, signal) => {
            if (joined) await subscription.track(next, signal)
          })
        },
        async untrack() {
          tracked = undefined
          await withLive('untrack', (subscription, signal) => subscription.untrack(signal))
        },
        leave() {
          if (!members.delete(member) || members.size > 0) return
          options.onEmpty()
          void close(new UnavailableError(`[msc/realtime] ${name} was left.`, { code: 'REALTIME_LEFT' }))
        },
      }
    },
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(reason: Error): void
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (reason: Error) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function addTo<T>(set: Set<T>, item: T): () => void {
  set.add(item)
  return () => set.delete(item)
}

/** A handler that throws is reported, and costs nobody else their message. */
export function safely(run: () => void): void {
  try {
    run()
  } catch (error) {
    console.error('[msc/realtime] A handler threw.', toError(error))
  }
}
