import { isRecord, toError } from '@msc/core'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import type { Frame } from '../../phoenix/frames.ts'
import { textOfRefusal } from '../admission/admission.ts'
import { NO_READER_TEXT } from '../admission/departures.ts'
import type { Limits } from '../admission/limits.ts'
import { feedOf, parseWishes, type ChangeWish } from '../changes/changes.ts'
import { TOKEN_EXPIRED, verifyToken, type Claims } from '../entrance/claims.ts'
import type { Connection } from '../entrance/connection.ts'
import type { Permission } from '../policies/permissions.ts'
import { leave, push, pushText } from '../rooms/membership.ts'
import { presenceState } from '../rooms/presence.ts'
import type { Membership } from '../rooms/rooms.ts'
import { flagOf } from '../wire/flag.ts'
import { MAX_NAME_BYTES } from '../../base/name.ts'
import type { SessionContext } from './context.ts'
import { presenceKeyOf } from './presence-key.ts'
import {
  ENDED,
  limited,
  PRIVATE_ONLY,
  REMOVED_TEXT,
  refusal,
  refusalSaying,
  UNASKED,
  UNAVAILABLE,
  type Refused,
} from './refusal.ts'
import { notReplayed, parseReplay, replay, type ReplayWish } from './replay.ts'
import { refuse, reply } from './reply.ts'

/** What a join asks for, read. */
interface JoinWish {
  /** As they were sent: clients compare them. */
  readonly entries: readonly unknown[]
  readonly changes: readonly ChangeWish[]
  readonly replayed: ReplayWish | undefined
  readonly isPrivate: boolean
  readonly self: boolean
  readonly ack: boolean
  /** Wants to be told when it hears what the database sends. */
  readonly replicationReady: boolean
  readonly presence: { readonly enabled: boolean; readonly key: string }
}

/** @throws Error that says what is wrong with it. */
function parseJoin(payload: Record<string, unknown>): JoinWish {
  const config = record(payload['config'])
  const [broadcast, presence] = [record(config['broadcast']), record(config['presence'])]
  const isPrivate = flagOf(config['private'])
  if (isPrivate === undefined) throw new Error('`private` is true or false.')
  const entries: unknown[] = Array.isArray(config['postgres_changes']) ? config['postgres_changes'] : []
  return {
    entries,
    changes: parseWishes(entries),
    replayed: parseReplay(broadcast['replay'], isPrivate),
    isPrivate,
    self: broadcast['self'] === true,
    ack: broadcast['ack'] === true,
    replicationReady: broadcast['replication_ready'] === true,
    presence: {
      enabled: presence['enabled'] === true,
      key: typeof presence['key'] === 'string' ? presence['key'] : '',
    },
  }
}

/** Lets the client into a topic, or says why not. */
export async function join(
  connection: Connection,
  frame: Frame,
  payload: Record<string, unknown>,
  context: SessionContext,
): Promise<void> {
  const no = (refused: Refused): void => refuse(connection, frame, refused, context.runtime)
  let wish: JoinWish
  try {
    wish = parseJoin(payload)
  } catch (error) {
    return no(refusalSaying('PAYLOAD_INVALID', toError(error).message))
  }
  if (context.privateOnly && !wish.isPrivate) return no(PRIVATE_ONLY)
  if (!connection.memberships.has(frame.topic) && connection.memberships.size >= context.limits.topics) {
    return no(refusalSaying('RATE_LIMITED', 'ChannelRateLimitReached: Too many channels'))
  }
  // Before anything is asked of the database for it.
  const tooMany = connection.place.take({ joinsPerMinute: 1 })
  if (tooMany) return no(limited(tooMany))
  const token = payload['access_token']
  // Without a token it is whoever opened the connection, not who joined on it before: they may have signed out since.
  let { claims } = connection
  if (typeof token === 'string' && token !== '' && !token.startsWith('sb_')) {
    const verified = await verifyToken(token, context.jwtSecret)
    if ('error' in verified) return no(refusalSaying('FORBIDDEN', `InvalidJWTToken: ${verified.error}`))
    claims = verified.claims
  }
  // That by which the connection was opened may have expired since.
  if (claims.exp * 1000 <= context.runtime.clock.now()) {
    return no(refusalSaying('FORBIDDEN', `InvalidJWTToken: ${TOKEN_EXPIRED}`))
  }
  await context.liveness.during(claims, async (verdict, isEnded) => {
    if (verdict !== 'live') return no(verdict === 'ended' ? ENDED : UNAVAILABLE)
    const crowded = connection.place.become(claims)
    if (crowded) return no(limited(crowded))
    const topic = frame.topic.slice(CHANNEL.length)
    const watch = context.departures.watch([topic], claims.sub)
    const refused = await obstacle(topic, wish, claims, context).catch((error: unknown) => {
      watch.over()
      throw error
    })
    // They may have been taken out of its readers after the policies were asked. Nothing is waited for from here on.
    const departure = watch.over()
    if (refused) return no(refused)
    if (wish.isPrivate && departure) {
      return no(departure === 'unsure' ? UNASKED : refusal('FORBIDDEN', NO_READER_TEXT, 0))
    }
    // `disconnect` may have been called, or the client gone, while its token and the policies were asked.
    if (connection.gone || connection.ending) return
    if (isEnded()) return no(ENDED)
    await admit(connection, frame, wish, claims, context)
  })
}

/** What the policies have against it. */
async function obstacle(
  topic: string,
  wish: JoinWish,
  claims: Claims,
  context: SessionContext,
): Promise<Refused | undefined> {
  if (wish.isPrivate) {
    const mayRead = await context.ask({ claims, topic, action: 'read' })
    if (mayRead === 'unavailable') return UNASKED
    if (mayRead === 'denied') {
      return refusal('FORBIDDEN', `You do not have permissions to read from this Channel topic: ${topic}`)
    }
  }
  const may = await mayHear(claims, wish.changes, context)
  if (may === 'allowed') return undefined
  if (may === 'unavailable') return UNASKED
  return refusal('FORBIDDEN', 'You do not have permissions to read the changes of these tables')
}

// The same for all: most members have nothing else, and there are ten thousand of them.
const ABSENT: Membership['presence'] = { enabled: false, key: '' }
const NO_CHANGES: readonly ChangeWish[] = []

/** Makes the client a member, and tells it what it asked to hear at once. */
async function admit(
  connection: Connection,
  frame: Frame,
  wish: JoinWish,
  claims: Claims,
  context: SessionContext,
): Promise<void> {
  const { rooms, runtime, limits } = context
  const { entries, changes, replayed, isPrivate, self, ack } = wish
  const no = (refused: Refused): void => refuse(connection, frame, refused, runtime)
  const topic = frame.topic.slice(CHANNEL.length)
  const presence = presenceKeyOf(wish.presence.key, claims, context.presenceKey)
  if ('refused' in presence) return no(presence.refused)
  const bannedMs = context.bans.left(claims, topic, isPrivate)
  if (bannedMs > 0) return no(removed(bannedMs))
  const before = connection.memberships.get(frame.topic)
  if (before) leave(before, rooms)
  const crowded = connection.place.takeTopics(1)
  if (crowded) return no(limited(crowded))

  const membership: Membership = {
    connection,
    joinRef: frame.joinRef ?? frame.ref,
    topic,
    private: isPrivate,
    self,
    ack,
    presence: wish.presence.enabled || presence.key ? { enabled: wish.presence.enabled, key: presence.key } : ABSENT,
    changes: changes.length > 0 ? changes : NO_CHANGES,
    claims,
  }
  connection.memberships.set(frame.topic, membership)
  rooms.add(membership)
  runtime.counters.countJoin()
  reply(connection, frame, 'ok', {
    // Each as it was sent, in order: clients compare them.
    postgres_changes: entries.map((entry, index) => ({ ...record(entry), id: changes[index]?.id })),
    msc: { spread_ms: context.spreadMs(), limits: toldLimits(limits) },
  })
  if (changes.length > 0) {
    push(membership, 'system', {
      extension: 'postgres_changes',
      status: 'ok',
      message: 'Subscribed to PostgreSQL',
      channel: topic,
    })
  }
  if (membership.presence.enabled) pushText(membership, 'presence_state', presenceState(membership, rooms))
  if (wish.replicationReady) void tellReady(membership, context)
  if (replayed && context.feeds) {
    // Refused like a history that can't be read: the topic itself is joined.
    const tooMany = connection.place.take({ feedReadsPerMinute: 1 })
    if (tooMany) return notReplayed(membership, textOfRefusal(tooMany))
    const since = Math.max(replayed.since, context.history?.keptFrom(topic, isPrivate) ?? 0)
    await replay(membership, { ...replayed, since }, context.feeds, runtime)
  }
}

/** In Supabase's words: from now on it hears what the database sends. Where there is none, it never will. Never rejects. */
async function tellReady(membership: Membership, { feeds, ready, runtime }: SessionContext): Promise<void> {
  const isReady =
    feeds !== undefined &&
    (await ready().then(
      () => true,
      () => false,
    ))
  const said = isReady
    ? { status: 'ok', message: 'Replication connection established' }
    : { status: 'error', message: 'There is no replication connection' }
  runtime.attempt('tell of the replication', () =>
    push(membership, 'system', { extension: 'system', ...said, channel: membership.topic }),
  )
}

/** Retryable when that has an end. */
const removed = (forMs: number): Refused =>
  refusal('FORBIDDEN', REMOVED_TEXT, Number.isFinite(forMs) ? forMs : undefined)

/** What a client should keep to, so that it can say so before it sends. `null` where there is none. */
function toldLimits({ frameBytes, presenceBytes, framesPerSecond, perAccount }: Limits): Record<string, number | null> {
  const most = Math.min(framesPerSecond, perAccount === false ? Infinity : perAccount.framesPerSecond)
  return {
    frame_bytes: finite(frameBytes),
    presence_bytes: finite(presenceBytes),
    event_bytes: MAX_NAME_BYTES,
    frames_per_second: finite(most),
  }
}

const finite = (limit: number): number | null => (Number.isFinite(limit) ? limit : null)

/** Of each table, a feed of its own, as the policy has it; the service role is above them. */
export async function mayHear(
  claims: Claims,
  changes: readonly ChangeWish[],
  context: Pick<SessionContext, 'ask'>,
): Promise<Permission> {
  if (changes.length === 0 || claims.role === 'service_role') return 'allowed'
  const feeds = new Set(changes.map((wish) => feedOf(wish, claims.sub)))
  for (const feed of feeds) {
    const may = feed === undefined ? 'denied' : await context.ask({ claims, topic: feed, action: 'read' })
    if (may !== 'allowed') return may
  }
  return 'allowed'
}

const record = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {})
