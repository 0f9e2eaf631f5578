// What only a client whose users have tokens needs, loaded with the first question for one: no token is known without this
// code, so no user can change without it either. It imports nothing that a page loads first.
import type { Clock } from '@msc/core'
import type { refusal } from '../base/refusal.ts'
import type { callAll } from './members.ts'
import type { createMembership, Membership } from './membership.ts'
import { keepRenewed } from './renewal.ts'
import type { OutboxTools } from '../outbox/outbox.ts'
import { identityOf, isToken } from './token.ts'
import type { Topic } from './topic.ts'

/** Who uses the client, as far as `getToken` has said. */
export interface User {
  /** The latest token; `undefined` for nobody, and before the first answer. */
  token?: string | undefined
  /** Account, session and role of the latest token. */
  identity?: string
  /** There has been a token that says whose it is: what says nothing is none, also while nobody is signed in. */
  hasToken?: boolean
  changedAt?: number
  asking?: Promise<void> | undefined
  /** The last question, also once it is answered: its answer is that of all before it. */
  latest?: Promise<void>
  /** Calls of `refreshToken` without a rest, and when the last one was. */
  hurried?: { readonly count: number; readonly at: number }
  /** What this client has sent lately: ids of the server, and events with ids of its own. */
  sent?: Set<string>
  /** Why rows that they see can't be loaded now. */
  trouble?: string | undefined
}

/** Calls a function of this file, once it has been loaded. */
export interface Users {
  (what: 'ask' | 'refreshToken'): Promise<void>
  (what: 'renew', token: string | undefined, membership: Membership, signal: AbortSignal): Promise<void>
}

/** What the client has loaded already. */
export interface UserTools extends OutboxTools {
  readonly user: User
  readonly getToken: () => Promise<string | undefined>
  readonly topics: ReadonlyMap<string, Topic>
  readonly clock: Clock
  readonly retryMs: (attempt: number) => number
  readonly refusal: typeof refusal
  readonly createMembership: typeof createMembership
  readonly callAll: typeof callAll
}

/** Users may change as often, in milliseconds, without a pause: a `getToken` that names another one each time is no loop. */
const CALM_MS = 1000
/** So often may `refreshToken` be called without a rest: a `getToken` that calls it would go round for good. */
const MOST_HURRIED = 100

/**
 * Asks who the user is, once for all that ask at a time. Afterwards `token` is right, and nothing of another user is left.
 * When it rejects, all is as it was.
 *
 * @param anew An answer that is under way may be of before: it counts no more.
 */
export function ask(tools: UserTools, anew = false): Promise<void> {
  const { user } = tools
  if (user.asking && !anew) return user.asking
  // A join waits for both, one after the other.
  if ([...tools.topics.values()].some(({ options }) => options.feed)) {
    import('../feed/feed-code.ts').catch(() => undefined)
  }
  const own: Promise<void> = tools.getToken().then(
    (given) => {
      if (user.latest !== own) return user.latest
      user.asking = undefined
      const token = given || undefined
      // What answers in place of the application, such as a proxy's page that says it is away, is no news of the user.
      if (token !== undefined && isToken(token)) user.hasToken = true
      else if (token !== undefined && user.hasToken) {
        throw tools.refusal('`getToken` has answered with something else than a token.', 'REALTIME_TOKEN_INVALID', {
          hint: 'Reject when it can not be told, as when a response is not `ok`; `undefined` says that nobody is signed in.',
        })
      }
      user.token = token
      const before = user.identity
      user.identity = identityOf(token)
      if (before === undefined)
        void import('../outbox/outbox.ts').then(
          ({ lookAt }) => lookAt(tools),
          () => undefined,
        )
      else if (before !== user.identity) changeUser(tools, before)
    },
    (error: Error) => {
      if (user.latest !== own) return user.latest
      user.asking = undefined
      throw error
    },
  )
  return (user.asking = user.latest = own)
}

/** Everything of the user before is forgotten and left, and joined as the one of now. */
function changeUser(tools: UserTools, last: string): void {
  const { user, topics, clock, retryMs, refusal, createMembership, callAll } = tools
  const now = clock.monotonic()
  const isCalm = now - (user.changedAt ?? -Infinity) > CALM_MS
  user.changedAt = now
  void import('../outbox/outbox.ts').then(({ forget }) => forget(tools, last)).catch(() => undefined)
  const reason = refusal('Another user has come.', 'REALTIME_USER_CHANGED')
  // All are replaced before anybody hears of it: whoever leaves a topic then leaves it for good, and one that is opened is the new
  // user's already.
  const changes = [...topics.values()].flatMap((topic) => {
    const { membership: before, options, members } = topic
    // The client is being closed, and joins nothing more.
    if (before.signal.aborted) return []
    topic.wasLive ||= before.wasLive
    const next = (topic.membership = createMembership(topic, isCalm ? 0 : retryMs(0), topic.wasLive))
    // What a schema does not let go of holds up nothing of the new user's.
    for (const member of members) member.reading = Promise.resolve()
    return [{ before, next, isFeed: options.feed, members: [...members] }]
  })
  for (const { before, next } of changes) void before.close(reason, next)
  for (const { before, next, isFeed, members } of changes) {
    // Left, or closed, by who heard of it.
    if (next.signal.aborted) continue
    if (before.presence) callAll(members, 'onPresence', {})
    // A feed that waits for its snapshot holds messages: it begins anew.
    if (before.wasLive && isFeed) callAll(members, 'onGap')
  }
}

/** Asks for another token before this one expires, until the signal ends; and sends what this user has kept. */
export async function renew(
  tools: UserTools,
  token: string | undefined,
  membership: Membership,
  signal: AbortSignal,
): Promise<void> {
  const options = [...tools.topics.values()].find((topic) => topic.membership === membership)?.options
  const sending =
    options && import('../outbox/outbox.ts').then(({ sendKept }) => sendKept(tools, options, membership, signal))
  sending?.catch((error: unknown) => membership.report(error))
  if (!token) return
  // It came while the topic was being joined with the one before.
  const { token: latest = token } = tools.user
  if (latest !== token) membership.setToken(latest)
  const getToken = async (): Promise<string | undefined> => {
    await membership.inTime('getToken', () => ask(tools))
    return tools.user.token
  }
  keepRenewed(latest, { clock: tools.clock, getToken, onToken: membership.setToken, signal })
}

/** Asks at once, and hands on a newer token of the same user. */
export async function refreshToken(tools: UserTools): Promise<void> {
  const { user } = tools
  const { token } = user
  assertCalm(tools)
  await ask(tools, true)
  if (user.token === undefined || user.token === token) return
  for (const topic of tools.topics.values()) topic.membership.setToken(user.token)
}

/** Nobody can tell who calls. One that `getToken` waits for can not wait for it in turn, and asks again as any other; until it is clear. */
function assertCalm(tools: UserTools): void {
  const { user, clock } = tools
  const at = clock.monotonic()
  const { hurried } = user
  const isCalm = !hurried || at - hurried.at > CALM_MS
  const count = isCalm ? 1 : hurried.count + 1
  user.hurried = { count, at }
  if (count <= MOST_HURRIED) return
  throw tools.refusal('`refreshToken` is called again and again while `getToken` is asked.', 'REALTIME_TOKEN_LOOP', {
    hint: 'Call it nowhere in `getToken`, which it asks: `undefined` says that nobody is signed in.',
  })
}
