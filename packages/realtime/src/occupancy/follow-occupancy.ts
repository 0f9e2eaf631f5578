// Part of what is loaded with the first that a channel does with its subscription: it imports nothing that a page loads first.
import type { Clock } from '@msc/core'
import type { refusal } from '../base/refusal.ts'
import type { Occupancy, Subscription } from '../driver.ts'
import type { callAll, Member } from '../client/members.ts'
import type { Membership } from '../client/membership.ts'

/** A topic whose members may want to know how many there are. */
export interface CountedTopic {
  readonly options: {
    readonly name: string
    readonly refusal: typeof refusal
    readonly callAll: typeof callAll
    readonly clock: Clock
    readonly retryMs: (attempt: number, spreadMs: number | undefined) => number
  }
  readonly members: ReadonlySet<Member>
  readonly membership: Pick<Membership, 'state' | 'live' | 'inTime' | 'report' | 'signal'>
}

const following = new WeakSet<Member>()
/** What was last told on a subscription that was asked; `undefined` where nothing was yet. */
const asked = new WeakMap<Subscription, Occupancy | undefined>()

const hears = (member: Member, kind: string): boolean => [...member.hears].some(([its]) => its === kind)

/** Has a member hear the number, on the subscription of now and on those to come. What is in the way is told to `onError`. */
export function followOccupancy(topic: CountedTopic, member: Member): void {
  const follow = (isReady: boolean): void => {
    if (isReady && hears(member, 'onOccupancy')) ask(topic, member)
  }
  if (!following.has(member)) member.hears.add(['onReady', follow])
  following.add(member)
  follow(topic.membership.state === 'connected')
}

/** Asks again, more and more rarely, as long as it can't be counted now. */
function ask(topic: CountedTopic, member: Member, attempt = 0): void {
  const { live, inTime, report } = topic.membership
  inTime('occupancy', (signal) => live.then((subscription) => askOnce(topic, member, subscription, signal))).catch(
    (error: unknown) => {
      report(error)
      if ((error as { retryable?: unknown } | undefined)?.retryable !== false) askLater(topic, live, error, attempt)
    },
  )
}

/** Subscriptions, by their promise, on which it is asked again. */
const waiting = new WeakSet<Promise<Subscription>>()

function askLater(topic: CountedTopic, live: Promise<Subscription>, error: unknown, attempt: number): void {
  const { clock, retryMs } = topic.options
  const { signal } = topic.membership
  if (signal.aborted || waiting.has(live)) return
  waiting.add(live)
  const end = (): void => {
    cancel()
    waiting.delete(live)
    signal.removeEventListener('abort', end)
  }
  const retryAfterMs = (error as { retryAfterMs?: number } | undefined)?.retryAfterMs ?? 0
  const cancel = clock.setTimeout(
    () => {
      end()
      // Whoever wants to know now. On another subscription each has asked by itself.
      const member = [...topic.members].find((each) => hears(each, 'onOccupancy'))
      if (member && topic.membership.live === live) ask(topic, member, attempt + 1)
    },
    retryAfterMs + retryMs(attempt, undefined),
  )
  signal.addEventListener('abort', end, { once: true })
}

/** @throws ConfigError `REALTIME_NO_OCCUPANCY`; DriverError when the server can't count it now. */
async function askOnce(
  topic: CountedTopic,
  member: Member,
  subscription: Subscription,
  signal: AbortSignal,
): Promise<void> {
  const { name, refusal: refuse, callAll: tellAll } = topic.options
  if (!subscription.occupancy)
    throw refuse(`Nobody counts the members of ${name}.`, 'REALTIME_NO_OCCUPANCY', {
      hint: 'Only the embedded server counts them. Elsewhere, count those in presence.',
    })
  if (asked.has(subscription)) {
    const known = asked.get(subscription)
    if (known) tellAll([member], 'onOccupancy', known)
    return
  }
  asked.set(subscription, undefined)
  const { signal: stay } = topic.membership
  const told = (value: unknown): void => {
    const { members, users } = Object(value) as Partial<Occupancy>
    if (typeof members !== 'number' || typeof users !== 'number' || !asked.has(subscription) || stay.aborted) return
    asked.set(subscription, { members, users })
    if ([...topic.members].some((each) => hears(each, 'onOccupancy'))) {
      return tellAll(topic.members, 'onOccupancy', { members, users })
    }
    // Nobody wants to know any more.
    asked.delete(subscription)
    topic.membership
      .inTime('occupancy', async (late) => subscription.occupancy?.(undefined, late))
      .catch(() => undefined)
  }
  try {
    await subscription.occupancy(told, signal)
  } catch (error) {
    asked.delete(subscription)
    throw error
  }
}
