// Messages that outlive the page, loaded with the first that is kept or found. It imports nothing that a page loads first.
import type { BroadcastResult, SentMessage } from '../create-realtime.ts'
import type { FeedInbox } from '../feed/feed-inbox.ts'
import type { Clock, UnavailableError as Unavailable, sleep as Sleep } from '@msc/core'
import type { InTime } from '../base/in-time.ts'
import type { refusal } from '../base/refusal.ts'
import type { RealtimeDriver, Subscription } from '../driver.ts'
import { assertFits } from '../client/outgoing.ts'
import type { User } from '../client/user.ts'
import { alone } from './alone.ts'
import {
  append,
  keptIn,
  keysFrom,
  MAX_BYTES,
  MAX_MESSAGES,
  placeOf,
  tidy,
  type Kept,
  type OutboxStore,
} from './kept.ts'

/** What the page has loaded already. */
export interface OutboxTools {
  readonly user: User
  readonly clock: Clock
  readonly refusal: typeof refusal
  readonly sleep: typeof Sleep
  readonly UnavailableError: typeof Unavailable
  readonly retryMs: (attempt: number, spreadMs: number | undefined) => number
  readonly safely: (handler: () => unknown) => void
  readonly driver: RealtimeDriver
  readonly options: {
    readonly outbox?: OutboxStore | undefined
    readonly onSent?: ((message: SentMessage) => void) | undefined
  }
}

/** The user's membership of the topic. */
interface Own {
  readonly live: Promise<Subscription>
  readonly inTime: InTime
  report(error: unknown): void
  /** Of a topic with a history. */
  readonly inbox?: Pick<FeedInbox, 'sent'> | undefined
}

/** What becomes of a message of this page that is kept. */
type Settle = (outcome: BroadcastResult | { readonly error: Error }) => void
interface Sender {
  readonly waiting: Map<string, Settle>
  wake(): void
}

/** What was refused for now on one connection. */
interface Refused {
  /** In monotonic milliseconds. */
  readonly since: number
  readonly count: number
  /** Not to be sent again before, in monotonic milliseconds. */
  readonly until: number
  /** The server has never said when. */
  readonly isUnsaid: boolean
}

/** How long whoever sends waits for the answer before it is told that the message is kept. */
const PATIENCE_MS = 1500
/** What is refused as often, for so long, without a word of when it may be taken, lets those behind it go first. */
const MOST_REFUSED = 5
const STUCK_MS = 60_000

/** Those that are live. */
const senders = new WeakMap<object, Sender>()

/** `undefined` where there is none, as in some private modes. */
function storeOf({ options: { outbox } }: OutboxTools): OutboxStore | undefined {
  try {
    return outbox ?? globalThis.localStorage
  } catch {
    return undefined
  }
}

const backendOf = ({ driver }: OutboxTools): string => driver.backend ?? driver.endpoint ?? ''
/** Where the messages of whoever is here now are. */
const placeNow = (tools: OutboxTools): string | undefined => placeOf(tools.user.identity, backendOf(tools))

/**
 * Removes what is not of whoever is here, as soon as that is known: nobody is somebody else too. Never throws: a store that can't be
 * read now has nothing to be sent either.
 */
export function lookAt(tools: OutboxTools): void {
  const { identity, token, hasToken } = tools.user
  // What is no JWT may be a proxy's page, which says nothing of the user.
  if (identity === undefined || (token !== undefined && !hasToken)) return
  try {
    const store = storeOf(tools)
    if (store) tidy(store, placeNow(tools), backendOf(tools), tools.clock.now())
  } catch {}
}

/**
 * Keeps a message, and has it sent as soon as there is a connection. Resolves with `undefined` where nothing can be kept.
 *
 * @param signal Ends with the time for it, the channel or the client. By then the message may be kept, and is sent later.
 * @param onKept Told so at that very moment, before anybody is told that the time is over.
 * @throws UnavailableError `REALTIME_QUEUE_FULL`, ConfigError `REALTIME_KEEP_NO_USER`, and what the server refuses it with.
 */
export async function keep(
  tools: OutboxTools & { readonly name: string; readonly private: boolean },
  own: Own,
  event: string,
  payload: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  onKept: (result: BroadcastResult) => void,
): Promise<BroadcastResult | undefined> {
  const { clock, name, private: isPrivate, refusal: refuse, UnavailableError } = tools
  const place = placeNow(tools)
  if (!place)
    throw refuse('Nobody is signed in whose messages could be kept.', 'REALTIME_KEEP_NO_USER', {
      hint: 'Send it without `keep`, or once somebody is signed in with a token that has a `sub`.',
    })
  const store = storeOf(tools)
  if (!store) return undefined
  lookAt(tools)
  const id = String((payload['_msc'] as { readonly id?: string } | undefined)?.id)
  const key = append(store, place, id, { topic: name, private: isPrivate, event, payload, at: clock.now() })
  if (key === undefined) return undefined
  if (key === 'full') {
    throw new UnavailableError(`[msc/realtime] ${MAX_MESSAGES} messages or ${MAX_BYTES} bytes are kept already.`, {
      code: 'REALTIME_QUEUE_FULL',
    })
  }
  const sender = senders.get(own)
  if (!sender) return { state: 'kept' }
  return new Promise((resolve, reject) => {
    const settle: Settle = (outcome) => {
      cancel()
      signal.removeEventListener('abort', onAbort)
      sender.waiting.delete(key)
      if ('error' in outcome) reject(outcome.error)
      else resolve(outcome)
    }
    const onAbort = (): void => {
      // What was another account's has been forgotten.
      if (placeNow(tools) === place) onKept({ state: 'kept' })
      settle({ state: 'kept' })
    }
    const cancel = clock.setTimeout(() => settle({ state: 'kept' }), PATIENCE_MS)
    signal.addEventListener('abort', onAbort, { once: true })
    sender.waiting.set(key, settle)
    sender.wake()
  })
}

/** Sends what is kept of a topic for as long as the subscription is live. Never rejects. */
export async function sendKept(
  tools: OutboxTools,
  topic: { readonly name: string; readonly private: boolean },
  own: Own,
  signal: AbortSignal,
): Promise<void> {
  lookAt(tools)
  const identity = tools.user.identity
  const place = placeNow(tools)
  const store = storeOf(tools)
  if (!place || !store || signal.aborted) return
  const lock = `${place}claim:${topic.private}:${topic.name}`
  let woken = true
  let wake = (): void => {}
  const sender: Sender = {
    waiting: new Map(),
    wake() {
      woken = true
      wake()
    },
  }
  senders.set(own, sender)
  const settleAll = (): void => {
    for (const settle of sender.waiting.values()) settle({ state: 'kept' })
  }
  const onEnd = (): void => {
    if (senders.get(own) === sender) senders.delete(own)
    settleAll()
    wake()
  }
  signal.addEventListener('abort', onEnd, { once: true })
  const isOver = (): boolean => signal.aborted || tools.user.identity !== identity
  const refused = new Map<string, Refused>()
  const isStuck = ({ key }: Kept): boolean => {
    const { since, count, isUnsaid } = refused.get(key) ?? { since: Infinity, count: 0, isUnsaid: false }
    return isUnsaid && count >= MOST_REFUSED && tools.clock.monotonic() - since >= STUCK_MS
  }
  const untilOf = ({ key }: Kept): number => refused.get(key)?.until ?? 0
  /** The first that is not stuck, or else the first of those whose time has come, or the one whose time comes first. */
  const next = (): Kept | undefined => {
    const all = keptIn(store, place, tools.clock.now())
    const own = all.filter((each) => each.topic === topic.name && each.private === topic.private)
    const now = tools.clock.monotonic()
    const free = own.find((each) => !isStuck(each)) ?? own.find((each) => untilOf(each) <= now)
    return free ?? own.sort((one, other) => untilOf(one) - untilOf(other))[0]
  }
  const subscription = await own.live.catch(() => undefined)
  if (!subscription) return
  for (let attempt = 0; !isOver();) {
    woken = false
    let waitMs: number | undefined
    try {
      if (next()) waitMs = await alone(tools.clock, store, lock, signal, settleAll, () => sendAll(subscription))
    } catch {
      waitMs = tools.retryMs(attempt, undefined)
    }
    if (isOver()) break
    if (waitMs !== undefined) {
      attempt += 1
      settleAll()
      await wakeOr(waitMs)
    } else {
      attempt = 0
      if (!woken) await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  settleAll()

  /** Until the time is over, or something new is kept. */
  async function wakeOr(waitMs: number): Promise<void> {
    const waiting = new AbortController()
    wake = () => waiting.abort()
    if (woken || signal.aborted) return
    await tools.sleep(waitMs, { clock: tools.clock, signal: waiting.signal }).catch(() => undefined)
  }

  function hold(key: string, retryAfterMs: number | undefined): void {
    const now = tools.clock.monotonic()
    const { since = now, count = 0, isUnsaid = true } = refused.get(key) ?? {}
    const until = now + Math.max(100, retryAfterMs ?? tools.retryMs(count, undefined))
    refused.set(key, { since, count: count + 1, until, isUnsaid: isUnsaid && retryAfterMs === undefined })
  }

  /** @returns After how many milliseconds to try again what could not be sent. */
  async function sendAll(to: Subscription): Promise<number | undefined> {
    for (let item = next(); item && !isOver(); item = next()) {
      const { key, event, payload } = item
      const waitMs = untilOf(item) - tools.clock.monotonic()
      if (waitMs > 0) return waitMs
      try {
        assertFits(tools.refusal, payload, to.limits?.messageBytes)
        const answer: unknown = await own.inTime('broadcast', (inner) =>
          to.send(event, payload, inner, own.inbox && ''),
        )
        store?.removeItem(key)
        const { id, at } = Object(answer) as { readonly id?: unknown; readonly at?: unknown }
        const said = { ...(typeof id === 'string' && { id }), ...(typeof at === 'string' && { at }) }
        // What is read of the history later has it too, and is not heard by whoever sent it.
        if (said.id !== undefined) own.inbox?.sent(said.id)
        const settle = sender.waiting.get(key)
        if (settle) settle({ state: 'sent', ...(said.id !== undefined && { id: said.id }) })
        else tools.safely(() => tools.options.onSent?.(sentMessage(item, said)))
      } catch (error) {
        // Whether it was taken is not known: it goes again, and the server knows it by its id.
        if (isOver()) return undefined
        if ((error as { retryable?: unknown } | undefined)?.retryable !== false) {
          hold(key, (error as { retryAfterMs?: number } | undefined)?.retryAfterMs)
          continue
        }
        store?.removeItem(key)
        const settle = sender.waiting.get(key)
        if (settle) settle({ error: error as Error })
        else own.report(error)
      }
    }
    return undefined
  }
}

/** As the application has sent it. */
function sentMessage(
  { topic, private: isPrivate, event, payload }: Kept,
  said: Pick<SentMessage, 'id' | 'at'>,
): SentMessage {
  const { _msc, ...own } = Object(payload) as Readonly<Record<string, unknown>>
  return { topic, private: isPrivate, event, payload: own, ...said }
}

/** Forgets what a user has kept, unless it is the same account that is here now, in another session. Never throws. */
export function forget(tools: OutboxTools, identity: string): void {
  try {
    const place = placeOf(identity, backendOf(tools))
    const store = storeOf(tools)
    if (place && store && place !== placeNow(tools)) for (const key of keysFrom(store, place)) store.removeItem(key)
  } catch {
    // Nothing was kept there either.
  }
}
