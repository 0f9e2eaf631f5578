// What only a client that sends needs, loaded with the first broadcast or tracked state. It imports nothing that a page
// loads first.
import type { refusal } from '../base/refusal.ts'
import { stamped, type StampTools } from '../base/stamped.ts'
import type { Subscription } from '../driver.ts'
import type { Member } from './members.ts'
import type { Membership } from './membership.ts'
import type { OutboxTools } from '../outbox/outbox.ts'
import { createTracking, type Tracking } from './tracking.ts'
import { assertFits, writable } from './outgoing.ts'
import type { Users } from './user.ts'

/** What the page has loaded already. */
export interface SendingTools extends StampTools, OutboxTools {
  /** Asks who the user is. */
  readonly users: Users
  readonly private: boolean
  readonly refusal: typeof refusal
  /** The topic's name. */
  readonly name: string
}

export interface SendOptions {
  /** Keeps it in the browser until the server has taken it, over a reload too. Default false. */
  readonly keep?: boolean
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
type Own = Pick<Membership, 'state' | 'tracking' | 'live' | 'report' | 'inTime'>
type Prepare = (topic: Place, own: Own, member: Member, args: readonly unknown[]) => Use
/** The topic. */
interface Place {
  readonly options: SendingTools
  readonly members: ReadonlySet<Member>
}

const operations: Readonly<Record<string, Prepare>> = {
  broadcast({ options: tools }, { state }, _member, [event, payload]) {
    // A mistake is told at once, not when there is a connection.
    if (state !== 'live' && !(payload instanceof Uint8Array)) writable(tools.refusal, tools.name, payload)
    return (subscription, signal) => send(subscription, event as string, payload, tools, signal)
  },
  track({ options: tools, members }, own, member, [given]) {
    const { name, refusal: refuse } = tools
    // It has left meanwhile, and would be shown for good.
    if (!members.has(member)) throw refuse(`${name} was left.`, 'REALTIME_LEFT')
    const tracking = (own.tracking ??= createPresence(own, refuse))
    const state = stateOf(given, tools)
    tracking.say(member, state)
    // A join tells it by itself; then there is nothing to tell any more.
    return (subscription, signal) => tracking.tell(subscription, signal, state)
  },
  untrack(_topic, { tracking }, member) {
    tracking?.unsay(member)
    return (subscription, signal) => tracking?.tell(subscription, signal)
  },
}

function createPresence(own: Own, refuse: typeof refusal): Presence {
  const tracking = createTracking<Member>({
    onRefused: own.report,
    check: (next, limits) => assertFits(refuse, next, limits?.presenceBytes),
  })
  const join = (subscription: Subscription): Promise<void> =>
    own
      .inTime('presence', (signal) => tracking.tell(subscription, signal))
      // A refusal for good has been reported already.
      .catch((error: unknown) => {
        if ((error as { retryable?: unknown } | undefined)?.retryable !== false) own.report(error)
      })
  return {
    ...tracking,
    join,
    forget(member) {
      if (tracking.unsay(member) && own.state === 'live') void own.live.then(join, () => undefined)
    },
  }
}

/** Does what a channel asks for as soon as there is a subscription. The signal ends with the time for it, or the user's stay. */
export async function perform(
  operation: 'broadcast' | 'track' | 'untrack',
  topic: Place,
  own: Own,
  member: Member,
  args: readonly unknown[],
  signal: AbortSignal,
): Promise<'sent' | 'kept' | undefined> {
  signal.throwIfAborted()
  const [event, payload, how] = args
  const isKept = operation === 'broadcast' && (how as SendOptions | undefined)?.keep === true
  if (isKept) {
    const outcome = await keepIt(topic.options, own, event as string, payload)
    if (outcome) return outcome
  }
  const use = operations[operation]?.(topic, own, member, args)
  const subscription = await own.live
  // Too late, or another user's.
  signal.throwIfAborted()
  await use?.(subscription, signal)
  return isKept ? 'sent' : undefined
}

/** `undefined` where nothing can be kept: then it is sent as any other. */
async function keepIt(
  tools: SendingTools,
  own: Own,
  event: string,
  payload: unknown,
): Promise<'sent' | 'kept' | undefined> {
  const { refusal: refuse, name, randomHex, carrier, users } = tools
  // Without an id, which only an object carries, it could be told twice.
  if (payload instanceof Uint8Array || {}.toString.call(payload) !== '[object Object]')
    throw refuse(`Only an object can be kept for ${name}.`, 'REALTIME_PAYLOAD_INVALID', {
      hint: 'Put it into an object, or send it without `keep`.',
    })
  writable(refuse, name, payload)
  if (tools.user.identity === undefined) await users('ask')
  const stamp = { id: randomHex(12), traceparent: carrier().traceparent, kept: true }
  const { keep } = await import('../outbox/outbox.ts')
  return keep(tools, own, event, stamped(payload, tools, stamp) as Readonly<Record<string, unknown>>)
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

async function send(
  subscription: Subscription,
  event: string,
  payload: unknown,
  tools: SendingTools,
  signal: AbortSignal,
): Promise<void> {
  const { refusal: refuse, name } = tools
  try {
    const message: unknown = stamped(payload, tools)
    const isBytes = message instanceof Uint8Array
    // JSON leaves these out, and no driver could tell.
    if (message === undefined || typeof message === 'function') writable(refuse, name, undefined)
    if (isBytes && !subscription.sendBytes)
      throw refuse(`Bytes can not be sent to ${name}.`, 'REALTIME_NO_BYTES', {
        hint: 'Send them as text in base64, or use a driver that carries bytes.',
      })
    assertFits(refuse, message, subscription.limits?.messageBytes)
    if (isBytes) await subscription.sendBytes?.(event, message, signal)
    else await subscription.send(event, message, signal)
  } catch (error) {
    // Asked only of what has failed: writing it twice would cost every broadcast.
    if (!(payload instanceof Uint8Array)) writable(refuse, name, payload)
    throw error
  }
}
