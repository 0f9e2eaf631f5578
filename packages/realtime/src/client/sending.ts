// What only a client that sends needs, loaded with the first broadcast or tracked state. It imports nothing that a page
// loads first.
import type * as Core from '@msc/core'
import { isRaw } from '../base/exact-json.ts'
import type { refusal } from '../base/refusal.ts'
import { newStamp, stamped, type StampTools } from '../base/stamped.ts'
import type { BroadcastResult } from '../create-realtime.ts'
import type { Subscription } from '../driver.ts'
import type { Member } from './members.ts'
import type { Membership } from './membership.ts'
import type { OutboxTools } from '../outbox/outbox.ts'
import { followOccupancy, type CountedTopic } from '../occupancy/follow-occupancy.ts'
import { createTracking, type Tracking } from './tracking.ts'
import { assertFits, readBack, writable, type Written } from './outgoing.ts'
import { act } from '../history/act.ts'
import { assertAmounts } from '../history/amounts.ts'
import { readHistory } from '../history/read-history.ts'
import type { HistoryWish, MessageActionName } from '../history/types.ts'
import type { Users } from './user.ts'

/** What the page has loaded already. */
export interface SendingTools extends StampTools, OutboxTools {
  /** Asks who the user is. */
  readonly users: Users
  readonly private: boolean
  readonly refusal: typeof refusal
  /** The topic's name. */
  readonly name: string
  readonly UnavailableError: typeof Core.UnavailableError
  readonly emit: typeof Core.emit
}

export interface SendOptions {
  /**
   * Keeps the message, an object, in the browser until the server has taken it: over a lost connection, and a reload, upon which
   * it is sent when the topic is joined again, in order, within a day. Of one user at most 100 messages and 256 KiB are kept; when
   * another account comes, they are forgotten. Once it is kept the broadcast resolves with `kept` also where the time for it is over,
   * or the channel left; `onSent` of the client tells when it was sent. Where nothing can be kept, as in some private modes, it is sent as without. Default false.
   *
   * The broadcast then also rejects with UnavailableError `REALTIME_QUEUE_FULL` when that much is kept, and ConfigError
   * `REALTIME_KEEP_NO_USER` without a token that has a `sub`.
   */
  readonly keep?: boolean | undefined
}

/** What is shown of this client in a topic, for as long as the user stays. */
export interface Presence extends Tracking<Member> {
  /** Tells a new subscription. Never rejects: a client whose presence is refused still hears the others. */
  join(subscription: Subscription): Promise<void>
  /** Takes back what a member says that leaves. */
  forget(member: Member): void
}

/** What is done with a live subscription. */
type Use = (subscription: Subscription, signal: AbortSignal) => unknown
/** The user's membership of the topic. */
type Own = Pick<Membership, 'state' | 'tracking' | 'live' | 'report' | 'inTime' | 'inbox' | 'signal'>
type Prepare = (topic: Place, own: Own, member: Member, args: readonly unknown[]) => Use
/** The topic. */
interface Place extends CountedTopic {
  readonly options: SendingTools & CountedTopic['options']
  waiting?: number
}

/** Sends of one topic that may wait. */
const MAX_WAITING = 100

export type Operation =
  | 'broadcast'
  | 'track'
  | 'untrack'
  | 'history'
  | 'update'
  | 'remove'
  | 'react'
  | 'unreact'
  | 'onOccupancy'

const operations: Readonly<Record<Exclude<Operation, 'onOccupancy'>, Prepare>> = {
  broadcast({ options: tools }, { state, inbox }, _member, [event, payload]) {
    // A mistake is told at once, not when there is a connection.
    if (state !== 'connected' && !(payload instanceof Uint8Array)) writable(tools.refusal, tools.name, payload)
    return async (subscription, signal) => {
      // How far a history was heard is known by what comes of it: also where one's own message is.
      const echo = inbox && ''
      const answer = await send(subscription, event as string, payload, tools, signal, echo)
      const { id } = Object(answer) as { readonly id?: unknown }
      if (typeof id !== 'string') return { state: 'sent' }
      // What is read of the history later has it too.
      inbox?.sent(id)
      noteSent(tools, id)
      return { state: 'sent', id }
    }
  },
  history({ options: tools }, _own, member, [given]) {
    const wish = (given ?? {}) as HistoryWish
    const { limit, ms, before, id } = wish
    assertAmounts(tools.refusal, { limit, ms })
    for (const [name, value] of Object.entries({ before, id })) {
      if (typeof (value ?? '') !== 'string')
        throw tools.refusal(`\`${name}\` is the id of a message.`, 'OPTION_INVALID')
    }
    return (subscription, signal) => readHistory(subscription, member, wish, signal)
  },
  track({ options: tools, members }, own, member, [given]) {
    const { name, refusal: refuse } = tools
    // It has left meanwhile, and would be shown for good.
    if (!members.has(member)) throw refuse(`${name} was left.`, 'REALTIME_LEFT')
    const tracking = (own.tracking ??= createPresence(own, tools))
    const state = tracking.say(member, stateOf(given, tools))
    // A join tells it by itself; then there is nothing to tell any more.
    return (subscription, signal) => tracking.tell(subscription, signal, state)
  },
  update: acting('update'),
  remove: acting('delete'),
  react: acting('react'),
  unreact: acting('unreact'),
  untrack(_topic, { tracking }, member) {
    tracking?.unsay(member)
    return (subscription, signal) => tracking?.tell(subscription, signal)
  },
}

function acting(action: MessageActionName): Prepare {
  return ({ options: tools }, _own, member, [id, value]) => {
    if (action === 'update') writable(tools.refusal, tools.name, value)
    return (subscription, signal) => act(subscription, member, action, id as string, value, tools, signal)
  }
}

function createPresence(own: Own, { refusal: refuse, clock, retryMs }: SendingTools): Presence {
  const tracking = createTracking<Member>({
    onRefused: own.report,
    check: (next, limits) => assertFits(refuse, next, limits?.presenceBytes),
    isSame: (one, other) => JSON.stringify(one) === JSON.stringify(other),
  })
  let latest: object | undefined
  /** Changes with each time that it is told, upon which another try of before is not needed any more. */
  let turn = {}
  let attempt = 0
  let cancel = (): void => {}
  /** What was refused for now, and until when the server wants to hear nothing of it. */
  let refused: { readonly state: object | undefined; readonly until: number; readonly reason: unknown } | undefined
  own.signal.addEventListener('abort', () => cancel(), { once: true })

  /** It goes on to count. A subscription that is lost meanwhile is not told: the next join tells its own. */
  const tellLater = (reason: unknown): void => {
    if (own.signal.aborted) return
    const mine = turn
    const retryAfterMs = (reason as { retryAfterMs?: number } | undefined)?.retryAfterMs ?? 0
    refused = { state: latest, until: clock.monotonic() + retryAfterMs, reason }
    const again = (subscription: Subscription): unknown => mine === turn && join(subscription)
    const waitMs = retryMs(attempt++, undefined) + retryAfterMs
    cancel = clock.setTimeout(() => void own.live.then(again, () => undefined), waitMs)
  }
  const tell: Presence['tell'] = async (subscription, signal, state) => {
    // The same once more, as a hook says it when it is live.
    if (state && state === refused?.state && clock.monotonic() < refused.until) throw refused.reason
    cancel()
    refused = undefined
    const mine = (turn = {})
    try {
      await tracking.tell(subscription, signal, state)
      attempt = 0
    } catch (error) {
      // Whoever has told it since knows better.
      if (mine === turn && isPassing(error)) tellLater(error)
      throw error
    }
  }
  const join = (subscription: Subscription): Promise<void> =>
    own
      .inTime('presence', (signal) => tell(subscription, signal))
      // A refusal for good has been reported already.
      .catch((error: unknown) => {
        if (isPassing(error)) own.report(error)
      })
  return {
    unsay: tracking.unsay,
    say: (member, state) => (latest = tracking.say(member, state)),
    tell,
    join,
    forget(member) {
      if (tracking.unsay(member) && own.state === 'connected') void own.live.then(join, () => undefined)
    },
  }
}

/** Is it worth another try? */
const isPassing = (error: unknown): boolean => (error as { retryable?: unknown } | undefined)?.retryable !== false

/**
 * Does what a channel asks for as soon as there is a subscription. The signal ends with the time for it, or the user's stay.
 *
 * @param settle Answers before the signal's end does: what has been kept by then is not lost.
 */
export async function perform(
  operation: Operation,
  topic: Place & { readonly membership: Own },
  member: Member,
  written: Written,
  signal: AbortSignal,
  settle: (result: never) => void,
  given: readonly unknown[],
): Promise<never> {
  // It waits by itself, for this subscription and those to come, whoever the user is by then.
  if (operation === 'onOccupancy') return followOccupancy(topic, member) as never
  // Also where another user's membership has taken the place of the one that was asked.
  signal.throwIfAborted()
  const own = topic.membership
  const { name, driver, emit, UnavailableError } = topic.options
  const args = readBack(written, given)
  // As given: the other side checks, and transforms, for itself.
  if (operation === 'broadcast' && member.read) await inOrder(member, member.read(args[0] as string, args[1]), signal)
  // While it was read the user may have changed, or the time for it ended.
  signal.throwIfAborted()
  const { waiting = 0 } = topic
  if (waiting >= MAX_WAITING) {
    emit('driver.drop', { concern: 'realtime', driver: driver.name, reason: 'queue full', count: 1 })
    throw new UnavailableError(`[msc/realtime] ${MAX_WAITING} sends wait for ${name}.`, { code: 'REALTIME_QUEUE_FULL' })
  }
  const [event, payload, how] = args
  if (operation === 'broadcast' && (how as SendOptions | undefined)?.keep === true) {
    const onKept = (kept: BroadcastResult): void => settle(kept as never)
    const result = await keepIt(topic.options, own, event as string, payload, signal, onKept)
    if (result) return result as never
  }
  // Others may have come while it could not be kept.
  topic.waiting = (topic.waiting ?? 0) + 1
  try {
    const use = operations[operation](topic, own, member, args)
    const subscription = await ended(own.live, signal)
    // Too late, or another user's.
    signal.throwIfAborted()
    if (!topic.members.has(member)) throw topic.options.refusal(`${name} was left.`, 'REALTIME_LEFT')
    return (await use(subscription, signal)) as never
  } finally {
    topic.waiting -= 1
  }
}

const reading = new WeakMap<Member, Promise<unknown>>()

/** Resolves as this one does, after those before it: what is read for longer must not be overtaken, however it ends. */
async function inOrder(member: Member, read: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const before = reading.get(member)
  const own = ended(
    Promise.all([read, before]).then(() => undefined),
    signal,
  )
  // Nothing of what was read is kept for those that come after.
  const settled = Promise.allSettled([before, own]).then(() => undefined)
  reading.set(member, settled)
  await own
}

/** The promise, for as long as there is time: what waits for a connection that never comes has to give its place back. */
async function ended<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {}
  const late = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** `undefined` where nothing can be kept: then it is sent as any other. */
async function keepIt(
  tools: SendingTools,
  own: Own,
  event: string,
  payload: unknown,
  signal: AbortSignal,
  onKept: (result: BroadcastResult) => void,
): Promise<BroadcastResult | undefined> {
  const { refusal: refuse, name, users } = tools
  // Without an id, which only an object carries, it could be told twice.
  if (payload instanceof Uint8Array || {}.toString.call(payload) !== '[object Object]' || isRaw(payload))
    throw refuse(`Only an object can be kept for ${name}.`, 'REALTIME_PAYLOAD_INVALID', {
      hint: 'Put it into an object, or send it without `keep`.',
    })
  writable(refuse, name, payload)
  if (tools.user.identity === undefined) await users('ask')
  const stamp = { ...newStamp(tools), kept: true }
  const { keep } = await import('../outbox/outbox.ts')
  // It is kept for the user of now: only for as long as that is who asked for it.
  signal.throwIfAborted()
  noteSent(tools, `${event} ${stamp.id}`)
  const message = stamped(payload, tools, stamp) as Readonly<Record<string, unknown>>
  return keep(tools, own, event, message, signal, onKept)
}

/**
 * A copy of what is tracked: one that the application changes and tracks again is another.
 *
 * @throws ConfigError `REALTIME_PAYLOAD_INVALID` for what JSON writes as anything but an object.
 */
function stateOf(given: unknown, tools: SendingTools): object {
  const { refusal: refuse, name } = tools
  writable(refuse, name, given)
  const { _msc, ...state } = Object(stamped(given, tools)) as Record<string, unknown>
  // Only an object has been stamped.
  if (_msc === undefined) writable(refuse, name, undefined)
  return state
}

/** Own messages that are known where they are read out of a history. */
const MAX_SENT = 5000

/** @param known The server's id; or the event, and the id of its stamp, by which it is known also where no answer comes. */
function noteSent({ user }: SendingTools, known: string): void {
  const sent = (user.sent ??= new Set())
  const [oldest = ''] = sent.add(known)
  if (sent.size > MAX_SENT) sent.delete(oldest)
}

async function send(
  subscription: Subscription,
  event: string,
  payload: unknown,
  tools: SendingTools,
  signal: AbortSignal,
  echo: string | undefined,
): Promise<unknown> {
  const { refusal: refuse, name } = tools
  try {
    const stamp = newStamp(tools)
    const message: unknown = stamped(payload, tools, stamp)
    const isBytes = message instanceof Uint8Array
    // Where nothing is read out of a history it would only take the place of what is.
    if (echo !== undefined && message !== payload) noteSent(tools, `${event} ${stamp.id}`)
    // JSON leaves these out, and no driver could tell. What has a `toJSON` still is what that makes nothing of.
    const { toJSON } = Object(payload) as { readonly toJSON?: unknown }
    if (/undefined|function|symbol/.test(typeof message) || toJSON) writable(refuse, name, payload)
    if (isBytes && !subscription.sendBytes)
      throw refuse(`Bytes can not be sent to ${name}.`, 'REALTIME_NO_BYTES', {
        hint: 'Send them as text in base64, or use a driver that carries bytes.',
      })
    assertFits(refuse, message, subscription.limits?.messageBytes)
    if (isBytes) return await subscription.sendBytes?.(event, message, signal)
    return await subscription.send(event, message, signal, echo)
  } catch (error) {
    // Asked only of what has failed: writing it twice would cost every broadcast.
    if (!(payload instanceof Uint8Array)) writable(refuse, name, payload)
    throw error
  }
}
