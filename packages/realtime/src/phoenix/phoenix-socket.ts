import { DriverError, systemClock, toError, type CancelTimer, type Clock } from '@msc/core'
import { CHANNEL } from './channel-prefix.ts'
import type { SubscribeOptions, Subscription, SubscriptionHandlers } from '../driver.ts'
import { isFeedPage } from '../feed/page.ts'
import type { Frame } from './frames.ts'
import { createWire, type Socket } from './wire.ts'
import { onPage } from '../base/page.ts'
import type { Present, receivePresence } from './presence-frames.ts'

/**
 * A WebSocket, or a stand-in for one. `carriesToken`: it takes the token out of the address (`apikey`) and sends it in a
 * header, is open only when the server has accepted it, and carries text only.
 */
export type SocketConstructor = (new (url: string) => Socket) & { readonly carriesToken?: true }

export interface PhoenixSocket {
  /** False once it is lost for good. */
  readonly open: boolean
  /** Ends with it. */
  readonly ended: AbortSignal
  join(
    topic: string,
    options: SubscribeOptions,
    handlers: SubscriptionHandlers,
    signal: AbortSignal,
  ): Promise<Subscription>
  /** What was asked for, and has no answer. */
  readonly waiting: { readonly size: number }
  /** Tells all topics to come back at once, and takes nothing more. What was asked for is still answered, until it is closed. */
  leave(): void
  close(): void
}

interface Joined extends Present {
  readonly handlers: SubscriptionHandlers
  /** Absent for who does not want to know who is there. */
  onPresence?: typeof receivePresence
  onOccupancy?: ((occupancy: unknown) => void) | undefined
}

interface Reply {
  readonly status: string
  readonly response: unknown
}

/** For the connection to open and the token to be accepted; a stand-in for a WebSocket is given up earlier. */
const CONNECT_MS = 10_000
const FALLBACK_MS = 5000
/** A connection on which nothing could be joined: whoever was refused may try again. */
const REFUSED_MS = 20_000
const LEFT_MS = 50
/** For a heartbeat to be answered; less when there is reason to doubt. */
const ANSWER_MS = 10_000
const DOUBT_MS = 5000

export interface SocketOptions {
  readonly Constructor: SocketConstructor
  /** Whose connection it is: its first frame says so, as logs have addresses. Without one that is known already. */
  readonly token?: string
  /** Milliseconds between heartbeats, and for their answer. */
  readonly heartbeatMs: number
  readonly clock?: Clock
  /** Told once whether the server could be reached in this way. */
  readonly onOpened?: (opened: boolean) => void
}

/** One connection, which is not mended: when it is lost every topic is told, and the next join makes a new one. */
export function createSocket(url: URL, options: SocketOptions): PhoenixSocket {
  const { Constructor, token, heartbeatMs, clock = systemClock, onOpened } = options
  const { carriesToken } = Constructor
  const isProven = carriesToken || token === undefined
  if (carriesToken) url.searchParams.set('apikey', token ?? '')
  const socket = new Constructor(url.href)
  socket.binaryType = 'arraybuffer'
  const joined = new Map<string, Joined>()
  const replies = new Map<string, (reply: Reply | Error) => void>()
  let ref = 0
  let open = true
  let reached = false
  /** Its token is. */
  let accepted = false
  let refusing: Promise<never> | undefined
  // What takes the connection and never answers would otherwise keep every topic waiting for good.
  let beat = clock.setTimeout(() => end(lost), carriesToken ? FALLBACK_MS : CONNECT_MS)
  let resting: CancelTimer | undefined
  let spreadMs: number | undefined

  const wire = createWire(socket, carriesToken, {
    onFrame: (frame) => receive(frame),
    onUnwritable: (own, error) => replies.get(own ?? '')?.(error),
    onFail: () => end(lost),
  })

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
        else resolve((refusing = refused(reply, token)))
      }
      const onAbort = (): void => settle(signal.reason as Error)
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      replies.set(own, settle)
      try {
        wire.send({ joinRef: joinRef ?? (event === 'phx_join' ? own : null), ref: own, topic, event, payload })
      } catch (error) {
        settle(toError(error))
      }
    })
  }

  /** Nothing more is asked over it. `wanted`: by us, so nothing is wrong with the network. */
  const part = (reason: Error, wanted?: boolean, spread = spreadMs): void => {
    if (!open) return
    open = false
    ending.abort()
    if (!reached && !wanted) onOpened?.(false)
    beat()
    resting?.()
    const topics = [...joined.values()]
    joined.clear()
    for (const { handlers } of topics) handlers.onDown(reason, spread)
  }
  const end = (reason: Error, wanted?: boolean): void => {
    part(reason, wanted)
    for (const settle of replies.values()) settle(reason)
    socket.close()
  }

  /** A connection that swallows everything looks alive; a heartbeat without an answer tells. */
  const heartbeat = (): void => {
    beat = clock.setTimeout(() => {
      void ask(Math.min(heartbeatMs, ANSWER_MS)).then(() => open && heartbeat())
    }, heartbeatMs)
  }
  const ask = (withinMs: number): Promise<unknown> => {
    const late = new AbortController()
    const cancel = clock.setTimeout(() => late.abort(lost), withinMs)
    return request('phoenix', 'heartbeat', {}, null, late.signal)
      .catch(() => end(lost))
      .finally(cancel)
  }
  // A page that wakes, or whose network has changed, does not wait for the next heartbeat to find out.
  const ending = new AbortController()
  const doubt = (): void => {
    if (reached) void ask(DOUBT_MS)
  }
  onPage(['online', 'offline', 'visibilitychange'], doubt, ending.signal)
  // A page that is kept for the way back is frozen, and its browser goes on answering the server's pings.
  onPage(['pagehide'], () => end(lost, true), ending.signal)

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
      topic.handlers.onMessage(String(payload['event']), payload['payload'], payload['meta'])
    } else if (frame.event.startsWith('presence_')) {
      topic.onPresence?.(topic, frame)
    } else if (frame.event === 'msc_occupancy') {
      topic.onOccupancy?.(payload)
    } else if (frame.event === 'phx_close' || frame.event === 'phx_error') {
      joined.delete(frame.topic)
      topic.handlers.onDown(passing('The server closed the topic.'))
      rest(REFUSED_MS)
    }
  }

  /** The server has answered, so this way leads to it. */
  const onReached = (): void => {
    if (reached || !open) return
    reached = true
    onOpened?.(true)
    beat()
    heartbeat()
  }

  socket.addEventListener('open', () => {
    wire.flush()
    if (!isProven) return
    accepted = true
    onReached()
  })
  socket.addEventListener('message', ({ data }) => {
    onReached()
    wire.receive(data)
  })
  socket.addEventListener('close', (event) => {
    const { code, reason } = event
    spreadMs = spreadOf(/spread=(\d+)/.exec(String(reason))?.[1]) ?? spreadMs
    if (accepted || !(refusing || code === 1008)) return end(lost)
    // It ended because of its token; the reply that says so is being read, or there was none.
    onReached()
    ;(refusing ?? refused(event, token)).catch(end)
  })
  socket.addEventListener('error', () => end(lost))
  // The first frame; what is asked for comes right behind it, without waiting for the answer.
  if (!isProven) {
    request('phoenix', 'access_token', { access_token: token }, null, ending.signal).then(() => (accepted = true), end)
  }

  /** The last one out closes the door. */
  const rest = (ms: number): void => {
    resting?.()
    if (joined.size === 0 && open) resting = clock.setTimeout(() => joined.size === 0 && end(lost, true), ms)
  }

  return {
    get open() {
      return open
    },
    ended: ending.signal,
    async join(name, options, handlers, signal) {
      const topic = CHANNEL + name
      const entry: Joined = { handlers }
      // A connection has one membership of a topic: this one takes the other's place.
      joined.get(topic)?.handlers.onDown(passing('Joined anew.'))
      // Before the reply: presence and messages may come right behind it.
      joined.set(topic, entry)
      let joinRef: string | undefined
      let told: Limits | undefined
      try {
        if (options.presenceKey !== undefined) {
          entry.onPresence = (await import('./presence-frames.ts')).receivePresence
          signal.throwIfAborted()
          // Another may have come meanwhile; the server would take the later of the two joins for the one that counts.
          if (joined.get(topic) !== entry) throw lost
        }
        joinRef = String(ref + 1)
        const response = await request(topic, 'phx_join', joinPayload(options), null, signal)
        told = (response as { msc?: { limits?: Limits } } | null)?.msc?.limits
      } catch (error) {
        if (joined.get(topic) === entry) {
          joined.delete(topic)
          // The server may let it in all the same, and would count it for as long as the connection lives.
          if (joinRef !== undefined && signal.aborted && open)
            wire.send({ joinRef, ref: String(++ref), topic, event: 'phx_leave', payload: {} })
        }
        // One that was given up is no refusal, after which the next attempt needs the connection.
        rest(signal.aborted ? LEFT_MS : REFUSED_MS)
        throw error
      }
      const push = (event: string, payload: unknown, pushSignal: AbortSignal): Promise<void> =>
        request(topic, event, payload, joinRef, pushSignal) as Promise<void>
      /** What nobody waits to be answered. */
      const tell = (event: string, payload: object): void =>
        wire.send({ joinRef, ref: String(++ref), topic, event, payload })
      const send: Subscription['send'] = (event, payload, sendSignal, echo) =>
        push('broadcast', { type: 'broadcast', event, payload, echo }, sendSignal)
      return {
        // It says `null` where there is none.
        limits: { messageBytes: told?.frame_bytes ?? undefined, presenceBytes: told?.presence_bytes ?? undefined },
        send,
        sendBytes: send,
        track: (state, trackSignal) =>
          push('presence', { type: 'presence', event: 'track', payload: state }, trackSignal),
        untrack: (untrackSignal) => push('presence', { type: 'presence', event: 'untrack' }, untrackSignal),
        async since(after, sinceSignal, latest) {
          const page = await request(topic, 'msc_since', { after: after ?? null, latest }, joinRef, sinceSignal)
          if (page === null) return undefined
          if (!isFeedPage(page)) throw passing('The server answered with something else.')
          return page
        },
        act: (action, actSignal) => push('msc_act', action, actSignal),
        occupancy(told, occupancySignal) {
          entry.onOccupancy = told
          return push('msc_occupancy', { on: !!told }, occupancySignal)
        },
        setToken: (token) => tell('access_token', { access_token: token }),
        async leave() {
          if (joined.get(topic) !== entry) return
          joined.delete(topic)
          if (open) tell('phx_leave', {})
          rest(LEFT_MS)
        },
      }
    },
    waiting: replies,
    leave: () => part(lost, true, 0),
    close: () => end(lost, true),
  }
}

/** What a server tells a member that it may send, in UTF-8 bytes. */
interface Limits {
  readonly frame_bytes: number
  readonly presence_bytes: number
}

/** The server's word, as far as it can be trusted. Also where it is a number as text. */
const spreadOf = (value: unknown): number | undefined =>
  (value as number) >= 0 ? Math.min(value as number, 60_000) : undefined

const passing = (message: string): DriverError => new DriverError('embedded', message, { retryable: true })
const lost: DriverError = passing('The connection was lost.')

/** Rejects with what the server refused. The code comes when something is: most pages never need it. */
function refused(reply: unknown, token: string | undefined): Promise<never> {
  return import('./refusals.ts').then(
    (code) => Promise.reject(code.refusal({ DriverError }, reply, token)),
    () => Promise.reject(lost),
  )
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
