import {
  DriverError,
  every,
  orAborted,
  randomHex,
  readField,
  systemClock,
  type CancelTimer,
  type Clock,
} from '@msc/core'
import type { RealtimeDriver, SubscribeOptions, Subscription, SubscriptionHandlers } from '../driver.ts'
import { aborted, deferred } from '../base/promises.ts'
import { inTime } from '../base/signals.ts'
import { createLeader, type Leader } from './leader.ts'
import { fromPlain, toPlain, type Answer, type Request, type Shared, type Wire } from './messages.ts'
import { createSubscription } from './subscription.ts'

/** The part of Web Locks that is used. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    callback: () => Promise<unknown>,
  ): Promise<unknown>
}
/** The part of BroadcastChannel that is used. */
export interface Channel {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  close(): void
}

export interface GroupOptions {
  readonly driver: RealtimeDriver
  /** Tabs of the same name share. */
  readonly name: string
  readonly locks: Locks
  readonly openChannel: (name: string) => Channel
  /** Milliseconds for a leader's sign of life. */
  readonly patienceMs: number
  /** Nobody here wants anything any more. */
  readonly onIdle: () => void
  /** The browser gives this page no lock, so it can share nothing: a frame of an origin of its own, for one. */
  readonly onRefused: () => void
  readonly clock?: Clock
}

/** This tab among those that share a connection. */
export interface Group {
  subscribe(
    topic: string,
    options: SubscribeOptions,
    handlers: SubscriptionHandlers,
    signal: AbortSignal,
  ): Promise<Subscription>
  /** What is subscribed to here is lost, and said to be. */
  close(reason: Error): void
}

interface Counted extends SubscriptionHandlers {
  onOccupancy?: ((occupancy: unknown) => void) | undefined
}

const CHECK_EVERY_MS = 5000
const IDLE_MS = 5000
/** Before it stands again after it lost the lock: doubled as long as that goes on, and not for ever. */
const STAND_AGAIN_MS = 50
const MAX_STANDS = 8
/** Having the connection for so long is having it. */
const STABLE_MS = 1000

/**
 * What another tab is sent is cloned, which not every value can be.
 *
 * @throws DriverError `REALTIME_PAYLOAD_INVALID` for one that can not.
 */
function clonesOnly(driver: string, post: () => void): void {
  try {
    post()
  } catch (cause) {
    throw new DriverError(driver, 'This could not be cloned for another tab.', {
      code: 'REALTIME_PAYLOAD_INVALID',
      hint: 'Send what JSON can say: no functions, no objects of the page.',
      cause,
    })
  }
}

/**
 * Whoever has the lock has the connection; the browser gives the lock to the next tab when its holder closes or crashes.
 * Each tab also holds a lock of its own, by which the leader learns that it has gone.
 *
 * @throws What opening the channel does, before anything was begun.
 */
export function joinGroup(options: GroupOptions): Group {
  const { driver, name, locks, patienceMs, clock = systemClock } = options
  const own = randomHex(8)
  const channel = options.openChannel(name)
  const ending = new AbortController()
  const pending = new Map<string, { resolve(value: unknown): void; reject(error: Error): void }>()
  const subs = new Map<string, Counted>()
  const followers = new Set<string>()
  const known = deferred<void>()
  const present = deferred<void>()
  let term: string | undefined
  let mine = ''
  let heard = deferred<void>()
  let leader: Leader | undefined
  let candidacy = new AbortController()
  let lastId = 0
  let idle: CancelTimer | undefined
  let standing: CancelTimer | undefined
  let stands = 0

  // What it throws rejects, like what it refuses.
  const lock: Locks['request'] = async (...request) => locks.request(...request)

  const post = (wire: Wire): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel has none
    if (!ending.signal.aborted) clonesOnly(driver.name, () => channel.postMessage(wire))
  }
  /** Words of our own, which can be cloned: where these are refused the channel is. */
  const announce = (wire: Wire): void => {
    try {
      post(wire)
    } catch {
      options.onRefused()
    }
  }
  const tell = (tab: string, answer: Answer): void => {
    if (tab === own) return queueMicrotask(() => onAnswer(answer))
    const wire = { kind: 'tell', term: mine, to: tab } as const
    try {
      post({ ...wire, tell: answer })
    } catch (error) {
      // Whoever waits for the answer, or would miss the message, is told that it is lost.
      const reason = toPlain(driver.name, error)
      post({ ...wire, tell: 're' in answer ? { re: answer.re, error: reason } : { sub: answer.sub, down: reason } })
    }
  }

  /** What was another leader's is lost; the engine subscribes again, and fetches what it missed. */
  const follow = (next: string): void => {
    if (term === next) return
    term = next
    const reason = new DriverError(driver.name, 'Another tab has the connection now.', { retryable: true })
    for (const { reject } of pending.values()) reject(reason)
    pending.clear()
    const lost = [...subs.values()]
    subs.clear()
    for (const handlers of lost) handlers.onDown(reason, 0)
    known.resolve()
  }

  const lead = async (): Promise<void> => {
    if (ending.signal.aborted) return
    // A later one is greater, and no two are the same.
    mine = `${clock.now().toString(36).padStart(9, '0')}.${randomHex(4)}`
    leader = createLeader(driver, tell)
    const stop = deferred<void>()
    resign = stop.resolve
    follow(mine)
    announce({ kind: 'leader', term: mine })
    await stop.promise
  }
  let resign = (): void => {}

  const abdicate = (): void => {
    leader?.close()
    leader = undefined
    followers.clear()
    resign()
  }

  /** Waits for its turn, for as long as it takes; again when the lock was taken from it. */
  const stand = (steal: boolean): void => {
    standing?.()
    candidacy.abort()
    candidacy = new AbortController()
    const { signal } = candidacy
    const from = clock.monotonic()
    const again = (): void => {
      if (signal.aborted || ending.signal.aborted) return
      abdicate()
      stands = clock.monotonic() - from > STABLE_MS ? 0 : stands + 1
      // A browser that takes every lock away at once, or never gives one, would be asked without end.
      if (stands > MAX_STANDS) return options.onRefused()
      standing = clock.setTimeout(() => stand(false), STAND_AGAIN_MS * 2 ** stands)
    }
    const fail = (error: unknown): void => {
      if (signal.aborted || ending.signal.aborted) return
      // That is how a lock ends which another tab has taken.
      if (readField(error, 'name') === 'AbortError') again()
      else options.onRefused()
    }
    const wanted = steal ? { steal } : { signal }
    lock(`${name}:leader`, wanted, lead).then(again, fail)
  }

  const onAnswer = (answer: Answer): void => {
    if ('re' in answer) {
      const waiting = pending.get(answer.re)
      pending.delete(answer.re)
      if (answer.error) waiting?.reject(fromPlain(answer.error))
      else waiting?.resolve(answer.value)
      return
    }
    const handlers = subs.get(answer.sub)
    if (!handlers) return
    if ('message' in answer) handlers.onMessage(...answer.message)
    else if ('presence' in answer) handlers.onPresence(answer.presence)
    else if ('occupancy' in answer) handlers.onOccupancy?.(answer.occupancy)
    else {
      subs.delete(answer.sub)
      handlers.onDown(fromPlain(answer.down), answer.spreadMs)
    }
  }

  channel.addEventListener('message', ({ data }) => {
    const wire = data as Wire
    if (wire.kind === 'leader') {
      heard.resolve()
      // One that slept may not know yet that its lock was taken.
      if (leader && wire.term < mine) return announce({ kind: 'leader', term: mine })
      if (leader && wire.term > mine) abdicate()
      follow(wire.term)
    } else if (wire.kind === 'who') {
      if (leader) announce({ kind: 'leader', term: mine })
    } else if (wire.kind === 'ask') {
      if (!leader || wire.term !== mine) return
      watch(wire.from)
      leader.handle(wire.from, wire.id, wire.ask)
    } else if (wire.term === term && wire.to === own) onAnswer(wire.tell)
  })

  /** Its lock is to be had when it has gone. */
  const watch = (tab: string): void => {
    if (followers.has(tab)) return
    followers.add(tab)
    const gone = async (): Promise<void> => {
      followers.delete(tab)
      leader?.drop(tab)
    }
    lock(`${name}:tab:${tab}`, { signal: ending.signal }, gone).catch(() => undefined)
  }

  /** Asks the leader, until the signal ends, or the group. */
  const ask = async <T>(request: Request, signal: AbortSignal = ending.signal): Promise<T> => {
    const id = `${own}.${++lastId}`
    const answered = new Promise<unknown>((resolve, reject) => pending.set(id, { resolve, reject }))
    answered.catch(() => undefined)
    try {
      if (leader) leader.handle(own, id, request)
      else post({ kind: 'ask', term: term ?? '', from: own, id, ask: request })
      return (await untilEnd(answered, signal)) as T
    } finally {
      pending.delete(id)
    }
  }
  const untilEnd = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
    orAborted(orAborted(promise, signal), ending.signal)
  const inPatience = async <T>(ms: number, use: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const { signal, cancel } = inTime(ms, ending.signal, clock)
    return use(signal).finally(cancel)
  }

  /** A leader that hangs holds its lock for good; the one that is looked at takes it away. */
  const check = async (): Promise<void> => {
    const { visibilityState } = (globalThis as { document?: { visibilityState?: string } }).document ?? {}
    if (leader || visibilityState === 'hidden') return
    const asked = term
    const answered = await inPatience(patienceMs, (signal) => ask({ do: 'ping' }, signal)).then(
      () => true,
      () => false,
    )
    if (answered || ending.signal.aborted || leader || term !== asked) return
    // It may follow one that has gone, because it slept when another was announced.
    heard = deferred<void>()
    announce({ kind: 'who' })
    const found = await inPatience(patienceMs / 2, (signal) => orAborted(heard.promise, signal)).then(
      () => true,
      () => false,
    )
    if (!found && !ending.signal.aborted) stand(true)
  }
  const stopChecking = every(CHECK_EVERY_MS, check, { clock, onError: () => undefined })

  const rest = (): void => {
    idle?.()
    if (subs.size > 0) return
    idle = clock.setTimeout(() => {
      if (subs.size === 0 && (leader?.size ?? 0) === 0) options.onIdle()
      else rest()
    }, IDLE_MS)
  }

  const hold = (): Promise<void> => {
    present.resolve()
    return aborted(ending.signal)
  }
  lock(`${name}:tab:${own}`, { signal: ending.signal }, hold).catch(() => {
    if (!ending.signal.aborted) options.onRefused()
  })
  stand(false)
  announce({ kind: 'who' })

  return {
    async subscribe(topic, subscribeOptions, handlers, signal) {
      // Not before it holds its own lock: whoever could have that would take it for gone.
      await untilEnd(Promise.all([known.promise, present.promise]), signal)
      const sub = `${own}.${++lastId}`
      // Whoever calls a driver may pass an object of a class.
      const mine: Counted = {
        onMessage: (...message) => handlers.onMessage(...message),
        onPresence: (state) => handlers.onPresence(state),
        onDown: (...reason) => handlers.onDown(...reason),
      }
      subs.set(sub, mine)
      const leave = async (): Promise<void> => {
        subs.delete(sub)
        rest()
        await inPatience(patienceMs, (inner) => ask({ do: 'leave', sub }, inner))
      }
      const wanted = { do: 'subscribe', sub, topic, options: subscribeOptions } as const
      const shared = await ask<Shared>(wanted, signal).catch((error: unknown) => {
        void leave().catch(() => undefined)
        throw error
      })
      return createSubscription({
        driver: driver.name,
        sub,
        shared,
        ask,
        count: (told) => (mine.onOccupancy = told),
        leave: () => (subs.has(sub) ? leave() : Promise.resolve()),
      })
    },
    close(reason) {
      if (ending.signal.aborted) return
      stopChecking()
      idle?.()
      standing?.()
      abdicate()
      ending.abort(reason)
      candidacy.abort(reason)
      channel.close()
      const lost = [...subs.values()]
      subs.clear()
      for (const handlers of lost) handlers.onDown(reason, 0)
    },
  }
}
