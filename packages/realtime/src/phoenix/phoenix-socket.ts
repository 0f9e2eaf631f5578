import { DriverError, systemClock, toError, type CancelTimer, type Clock } from '@msc/core'
import { CHANNEL } from './channel-prefix.ts'
import type { SubscribeOptions, Subscription, SubscriptionHandlers } from '../driver.ts'
import { isFeedPage } from '../feed/page.ts'
import { formatFrame, parseFrame, type Frame } from './frames.ts'
import { onPage } from '../base/page.ts'
import { applyDiff, fromState, toState, type Presence, type WireDiff, type WireState } from '../client/presence.ts'

/** The part of the browser's WebSocket that is used; `ws` has it too. */
interface Socket {
  readonly readyState: number
  send(data: string): void
  close(code?: number): void
  addEventListener(
    type: 'open' | 'close' | 'error' | 'message',
    listener: (event: { readonly data?: unknown; readonly reason?: unknown }) => void,
  ): void
}
export type SocketConstructor = new (url: string) => Socket

export interface PhoenixSocket {
  /** False once it is lost for good. */
  readonly open: boolean
  join(
    topic: string,
    options: SubscribeOptions,
    handlers: SubscriptionHandlers,
    signal: AbortSignal,
  ): Promise<Subscription>
  close(): void
}

interface Joined {
  readonly joinRef: string
  readonly handlers: SubscriptionHandlers
  presence: Presence
}

interface Reply {
  readonly status: string
  readonly response: unknown
}

/** For the connection to open. */
const CONNECT_MS = 10_000
/** For a heartbeat to be answered; less when there is reason to doubt. */
const ANSWER_MS = 10_000
const DOUBT_MS = 5000

export interface SocketOptions {
  readonly Constructor: SocketConstructor
  /** Milliseconds between heartbeats, and for their answer. */
  readonly heartbeatMs: number
  readonly clock?: Clock
  /** Told once whether the connection opened. */
  readonly onOpened?: (opened: boolean) => void
}

/** One connection, which is not mended: when it is lost every topic is told, and the next join makes a new one. */
export function createSocket(url: URL, options: SocketOptions): PhoenixSocket {
  const { Constructor, heartbeatMs, clock = systemClock, onOpened } = options
  const socket = new Constructor(url.toString())
  const joined = new Map<string, Joined>()
  const replies = new Map<string, (reply: Reply | Error) => void>()
  let waiting: string[] | undefined = []
  let ref = 0
  let open = true
  // What takes the connection and never answers would otherwise keep every topic waiting for good.
  let beat: CancelTimer | undefined = clock.setTimeout(() => end(lost), CONNECT_MS)
  let spreadMs = 0

  const transmit = (frame: Frame): void => {
    const text = formatFrame(frame, '2.0.0')
    if (waiting) waiting.push(text)
    else socket.send(text)
  }

  /** Sends and waits for the reply to this very frame. */
  const request = (
    topic: string,
    event: string,
    payload: unknown,
    joinRef: string | null,
    signal: AbortSignal,
  ): Promise<unknown> => {
    if (!open) return Promise.reject(lost)
    const own = String(++ref)
    return new Promise((resolve, reject) => {
      const settle = (reply: Reply | Error): void => {
        replies.delete(own)
        signal.removeEventListener('abort', onAbort)
        if (reply instanceof Error) reject(reply)
        else if (reply.status === 'ok') resolve(reply.response)
        else reject(refusal(reply.response))
      }
      const onAbort = (): void => settle(signal.reason as Error)
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      replies.set(own, settle)
      try {
        transmit({ joinRef: joinRef ?? (event === 'phx_join' ? own : null), ref: own, topic, event, payload })
      } catch (error) {
        // Of what can't be written no answer comes.
        settle(toError(error))
      }
    })
  }

  /** `wanted`: by us, so nothing is wrong with the network. */
  const end = (reason: Error, wanted = false): void => {
    if (!open) return
    open = false
    ending.abort()
    if (waiting && !wanted) onOpened?.(false)
    beat?.()
    for (const settle of replies.values()) settle(reason)
    const topics = [...joined.values()]
    joined.clear()
    for (const { handlers } of topics) handlers.onDown(reason, spreadMs || undefined)
    socket.close()
  }

  /** A connection that swallows everything looks alive; a heartbeat without an answer tells. */
  const heartbeat = (): void => {
    beat = clock.setTimeout(() => {
      void ask(Math.min(heartbeatMs, ANSWER_MS)).then(() => open && heartbeat())
    }, heartbeatMs)
  }
  const ask = (withinMs: number): Promise<unknown> =>
    request('phoenix', 'heartbeat', {}, null, AbortSignal.timeout(withinMs)).catch(() => end(lost))
  // A page that wakes, or whose network has changed, does not wait for the next heartbeat to find out.
  const ending = new AbortController()
  const doubt = (): void => {
    if (!waiting) void ask(DOUBT_MS)
  }
  onPage(['online', 'offline', 'visibilitychange'], doubt, ending.signal)

  const receive = (frame: Frame): void => {
    if (frame.event === 'phx_reply') {
      const reply = frame.payload as Reply
      spreadMs = spreadOf((reply.response as { msc?: { spread_ms?: unknown } } | null)?.msc?.spread_ms) ?? spreadMs
      replies.get(frame.ref ?? '')?.(reply)
      return
    }
    const topic = joined.get(frame.topic)
    if (!topic) return
    const payload = frame.payload as Record<string, unknown>
    if (frame.event === 'broadcast') {
      topic.handlers.onMessage(String(payload['event']), payload['payload'])
    } else if (frame.event === 'presence_state') {
      topic.presence = fromState(payload as WireState)
      topic.handlers.onPresence(toState(topic.presence))
    } else if (frame.event === 'presence_diff') {
      topic.presence = applyDiff(topic.presence, payload as unknown as WireDiff)
      topic.handlers.onPresence(toState(topic.presence))
    } else if (frame.event === 'phx_close' || frame.event === 'phx_error') {
      joined.delete(frame.topic)
      topic.handlers.onDown(new DriverError('embedded', 'The server closed the topic.', { retryable: true }))
    }
  }

  socket.addEventListener('open', () => {
    for (const text of waiting ?? []) socket.send(text)
    waiting = undefined
    onOpened?.(true)
    beat?.()
    heartbeat()
  })
  socket.addEventListener('message', ({ data }) => {
    const frame = typeof data === 'string' ? parseFrame(data) : undefined
    if (frame) receive(frame)
  })
  socket.addEventListener('close', ({ reason }) => {
    spreadMs = spreadOf(/spread=(\d+)/.exec(String(reason))?.[1]) ?? spreadMs
    end(lost)
  })
  socket.addEventListener('error', () => end(lost))

  return {
    get open() {
      return open
    },
    async join(name, options, handlers, signal) {
      const topic = CHANNEL + name
      const joinRef = String(ref + 1)
      const entry: Joined = { joinRef, handlers, presence: new Map() }
      // A connection has one membership of a topic: this one takes the other's place.
      joined.get(topic)?.handlers.onDown(new DriverError('embedded', 'The topic was joined anew.', { retryable: true }))
      // Before the reply: presence and messages may come right behind it.
      joined.set(topic, entry)
      try {
        await request(topic, 'phx_join', joinPayload(options), null, signal)
      } catch (error) {
        if (joined.get(topic) === entry) joined.delete(topic)
        throw error
      }
      const push = async (event: string, payload: unknown, pushSignal: AbortSignal): Promise<void> => {
        await request(topic, event, payload, joinRef, pushSignal)
      }
      /** What nobody waits to be answered. */
      const tell = (event: string, payload: object): void =>
        transmit({ joinRef, ref: String(++ref), topic, event, payload })
      return {
        send: (event, payload, sendSignal) => push('broadcast', { type: 'broadcast', event, payload }, sendSignal),
        track: (state, trackSignal) =>
          push('presence', { type: 'presence', event: 'track', payload: state }, trackSignal),
        untrack: (untrackSignal) => push('presence', { type: 'presence', event: 'untrack' }, untrackSignal),
        async since(after, sinceSignal) {
          const page = await request(topic, 'msc_since', { after: after ?? null }, joinRef, sinceSignal)
          if (page === null) return undefined
          if (!isFeedPage(page)) throw new DriverError('embedded', 'The server answered with something else.')
          return page
        },
        setToken: (token) => tell('access_token', { access_token: token }),
        async leave() {
          if (joined.get(topic) !== entry) return
          joined.delete(topic)
          if (open) tell('phx_leave', {})
          // The last one out closes the door.
          if (joined.size === 0 && open) clock.setTimeout(() => joined.size === 0 && end(lost, true), 50)
        },
      }
    },
    close: () => end(lost, true),
  }
}

/** The server's word, as far as it can be trusted. */
function spreadOf(value: unknown): number | undefined {
  const ms = Number(value)
  return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, 60_000) : undefined
}

const lost: DriverError = new DriverError('embedded', 'The connection was lost.', { retryable: true })

function refusal(response: unknown): DriverError {
  const reason = (response as { reason?: unknown } | null)?.reason
  return new DriverError('embedded', typeof reason === 'string' ? reason : 'The server refused.', {
    code: 'REALTIME_REFUSED',
  })
}

function joinPayload(options: SubscribeOptions): Record<string, unknown> {
  return {
    config: {
      broadcast: { ack: true, self: options.self },
      presence: { key: options.presenceKey ?? '', enabled: options.presenceKey !== undefined },
      postgres_changes: [],
      private: options.private,
    },
    // JSON leaves it out where there is none.
    access_token: options.token,
  }
}
