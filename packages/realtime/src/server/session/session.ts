import { randomHex, toError, isRecord } from '@msc/core'
import { isCursor } from '../../feed/cursor.ts'
import type { FeedSource } from '../../feed/source.ts'
import type { Frame } from '../../phoenix/frames.ts'
import { textOfRefusal, type Refusal } from '../admission/admission.ts'
import type { Liveness } from '../admission/liveness.ts'
import { SESSION_ENDED, SESSION_UNKNOWN } from '../http/answers.ts'
import { broadcast } from '../rooms/broadcast.ts'
import { feedOf, parseWishes, type ChangeWish } from '../changes/changes.ts'
import { verifyToken, type Claims } from '../entrance/claims.ts'
import type { Connection } from '../entrance/connection.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { FEED } from '../../feed/feed-topic.ts'
import { closeMembership, leave, push } from '../rooms/membership.ts'
import { memberMay, type Ask } from '../policies/permissions.ts'
import { presenceState, track, untrack } from '../rooms/presence.ts'
import { notReplayed, parseReplay, replay, type ReplayWish } from './replay.ts'
import type { Membership, Rooms } from '../rooms/rooms.ts'
import type { Runtime } from '../runtime.ts'

export interface SessionContext {
  readonly rooms: Rooms
  readonly jwtSecret: string
  readonly maxTopics: number
  readonly feeds: FeedSource | undefined
  /** Over how many milliseconds clients should come back if this server were gone now. */
  spreadMs(): number
  readonly ask: Ask
  readonly liveness: Liveness
  readonly runtime: Runtime
}

/** Events in one answer. */
const PAGE = 500
export const isFeedTopic = (topic: string): boolean => topic.startsWith(FEED)

/** Answers one frame. Never throws for what a client sends. */
export async function handleFrame(connection: Connection, frame: Frame, context: SessionContext): Promise<void> {
  const { topic, event } = frame
  const payload = isRecord(frame.payload) ? frame.payload : {}
  if (topic === 'phoenix' && event === 'heartbeat') {
    return reply(connection, frame, 'ok', { msc: { spread_ms: context.spreadMs() } })
  }
  if (!topic.startsWith(CHANNEL) || topic.length === CHANNEL.length || topic.length > 255) {
    return reply(connection, frame, 'error', { reason: 'unmatched topic' })
  }
  if (event === 'phx_join') return join(connection, frame, payload, context)
  const membership = connection.memberships.get(topic)
  if (!membership) {
    if (frame.ref !== null) reply(connection, frame, 'error', { reason: 'unmatched topic' })
    return
  }
  if (event === 'phx_leave') {
    leave(membership, context.rooms)
    return reply(connection, frame, 'ok', {})
  }
  if (event === 'broadcast') return onBroadcast(membership, frame, payload, context)
  if (event === 'presence') return onPresence(membership, frame, payload, context)
  if (event === 'msc_since') return onSince(membership, frame, payload, context)
  if (event === 'access_token') return onToken(membership, payload['access_token'], context)
  reply(connection, frame, 'error', { reason: `Unknown event ${event.slice(0, 50)}` })
}

type Refuse = (reason: string) => void

/** What a join asks for, read. */
interface JoinWish {
  /** As they were sent: clients compare them. */
  readonly entries: readonly unknown[]
  readonly changes: readonly ChangeWish[]
  readonly replayed: ReplayWish | undefined
  readonly isPrivate: boolean
  readonly broadcast: Record<string, unknown>
  readonly presence: Record<string, unknown>
}

/** @throws Error that says what is wrong with it. */
function parseJoin(payload: Record<string, unknown>): JoinWish {
  const config = record(payload['config'])
  const options = { broadcast: record(config['broadcast']), presence: record(config['presence']) }
  const isPrivate = config['private'] === true
  const entries: unknown[] = Array.isArray(config['postgres_changes']) ? config['postgres_changes'] : []
  const changes = parseWishes(entries)
  return { entries, changes, replayed: parseReplay(options.broadcast['replay'], isPrivate), isPrivate, ...options }
}

async function join(
  connection: Connection,
  frame: Frame,
  payload: Record<string, unknown>,
  context: SessionContext,
): Promise<void> {
  const refuse: Refuse = (reason) => reply(connection, frame, 'error', { reason })
  let wish: JoinWish
  try {
    wish = parseJoin(payload)
  } catch (error) {
    return refuse(toError(error).message)
  }
  if (!connection.memberships.has(frame.topic) && connection.memberships.size >= context.maxTopics) {
    return refuse('ChannelRateLimitReached: Too many channels')
  }
  // Before anything is asked of the database for it.
  const tooMany = connection.place.take({ joinsPerMinute: 1 })
  if (tooMany) return refuse(limited(tooMany))
  const token = payload['access_token']
  let { claims } = connection
  if (typeof token === 'string' && token !== '' && !token.startsWith('sb_')) {
    const verified = await verifyToken(token, context.jwtSecret)
    if ('error' in verified) return refuse(`InvalidJWTToken: ${verified.error}`)
    claims = verified.claims
  }
  await context.liveness.during(claims, async (verdict, isEnded) => {
    if (verdict !== 'live') return refuse(verdict === 'ended' ? ENDED : UNAVAILABLE)
    const refusal = connection.place.become(claims)
    if (refusal) return refuse(limited(refusal))
    connection.claims = claims
    const topic = frame.topic.slice(CHANNEL.length)
    if (wish.isPrivate && !(await context.ask({ claims, topic, action: 'read' }))) {
      return refuse(`Unauthorized: You do not have permissions to read from this Channel topic: ${topic}`)
    }
    if (!(await mayHear(claims, wish.changes, context))) {
      return refuse('Unauthorized: You do not have permissions to read the changes of these tables')
    }
    // `disconnect` may have been called, or the client gone, while its token and the policies were asked.
    if (connection.gone) return
    if (isEnded()) return refuse(ENDED)
    await admit(connection, frame, wish, claims, context)
  })
}

/** Makes the client a member, and tells it what it asked to hear at once. */
async function admit(
  connection: Connection,
  frame: Frame,
  { entries, changes, replayed, isPrivate, ...options }: JoinWish,
  claims: Claims,
  context: SessionContext,
): Promise<void> {
  const topic = frame.topic.slice(CHANNEL.length)
  const before = connection.memberships.get(frame.topic)
  if (before) leave(before, context.rooms)
  const crowded = connection.place.takeTopics(1)
  if (crowded) return reply(connection, frame, 'error', { reason: limited(crowded) })

  const key =
    typeof options.presence['key'] === 'string' && options.presence['key'] !== ''
      ? options.presence['key']
      : randomHex(8)
  const membership: Membership = {
    connection,
    joinRef: frame.joinRef ?? frame.ref,
    topic,
    private: isPrivate,
    self: options.broadcast['self'] === true,
    ack: options.broadcast['ack'] === true,
    presence: { enabled: options.presence['enabled'] === true, key: key.slice(0, 255) },
    changes,
    claims,
  }
  connection.memberships.set(frame.topic, membership)
  context.rooms.add(membership)
  reply(connection, frame, 'ok', {
    // Each as it was sent, in order: clients compare them.
    postgres_changes: entries.map((entry, index) => ({ ...record(entry), id: changes[index]?.id })),
    msc: { spread_ms: context.spreadMs() },
  })
  if (changes.length > 0) {
    push(membership, 'system', {
      extension: 'postgres_changes',
      status: 'ok',
      message: 'Subscribed to PostgreSQL',
      channel: topic,
    })
  }
  if (membership.presence.enabled) push(membership, 'presence_state', presenceState(membership, context.rooms))
  if (replayed && context.feeds) {
    // Refused like a history that can't be read: the topic itself is joined.
    const tooMany = connection.place.take({ feedReadsPerMinute: 1 })
    if (tooMany) return notReplayed(membership, textOfRefusal(tooMany))
    await replay(membership, replayed, context.feeds, context.runtime)
  }
}

/** Of each table, a feed of its own, as the policy has it; the service role is above them. */
async function mayHear(claims: Claims, changes: readonly ChangeWish[], context: SessionContext): Promise<boolean> {
  if (changes.length === 0 || claims.role === 'service_role') return true
  const feeds = new Set(changes.map((wish) => feedOf(wish, claims.sub)))
  for (const feed of feeds) {
    if (feed === undefined || !(await context.ask({ claims, topic: feed, action: 'read' }))) return false
  }
  return true
}

async function onBroadcast(
  membership: Membership,
  frame: Frame,
  payload: Record<string, unknown>,
  context: SessionContext,
): Promise<void> {
  const { connection, topic } = membership
  const event = payload['event']
  if (typeof event !== 'string' || event === '' || event.length > 255) {
    return reply(connection, frame, 'error', { reason: 'A broadcast needs an event' })
  }
  if (!(await memberMay(membership, 'write', context))) {
    return reply(connection, frame, 'error', {
      reason: `Unauthorized: You do not have permissions to write to this Channel topic: ${topic}`,
    })
  }
  // Its session may have been ended while the policies were asked.
  if (connection.gone) return
  const { payload: sent = {} } = payload
  broadcast(context.rooms, { topic, event, payload: sent, private: membership.private }, connection)
  if (membership.ack) reply(connection, frame, 'ok', {})
}

async function onPresence(
  membership: Membership,
  frame: Frame,
  payload: Record<string, unknown>,
  context: SessionContext,
): Promise<void> {
  const { connection, topic } = membership
  if (payload['event'] === 'untrack') {
    untrack(membership, context.rooms)
    return reply(connection, frame, 'ok', {})
  }
  if (payload['event'] !== 'track') return reply(connection, frame, 'error', { reason: 'Unknown presence event' })
  if (!(await memberMay(membership, 'presence', context))) {
    return reply(connection, frame, 'error', {
      reason: `Unauthorized: You do not have permissions to track presence on this Channel topic: ${topic}`,
    })
  }
  if (connection.gone || connection.memberships.get(frame.topic) !== membership) return
  track(membership, record(payload['payload']), context.rooms)
  reply(connection, frame, 'ok', {})
}

/** Ours, not Supabase's, where it is a call of the database: what came after a cursor. `null`: nothing is kept. */
async function onSince(
  membership: Membership,
  frame: Frame,
  payload: Record<string, unknown>,
  { feeds, runtime }: SessionContext,
): Promise<void> {
  const { connection, topic } = membership
  const after = payload['after'] ?? undefined
  if (!feeds || !membership.private || !isFeedTopic(topic)) return reply(connection, frame, 'ok', null)
  if (after !== undefined && !isCursor(after)) {
    return reply(connection, frame, 'error', { reason: 'Not a cursor' })
  }
  const tooMany = connection.place.take({ feedReadsPerMinute: 1 })
  if (tooMany) return reply(connection, frame, 'error', { reason: limited(tooMany) })
  try {
    reply(connection, frame, 'ok', await feeds.since(topic, after, PAGE))
  } catch (error) {
    runtime.report(error, 'read a feed', { topic })
    reply(connection, frame, 'error', { reason: 'The feed can not be read now' })
  }
}

/** A token that is not valid, or no longer allows the topic, ends the membership, and says why first. */
async function onToken(membership: Membership, token: unknown, context: SessionContext): Promise<void> {
  if (typeof token !== 'string' || token === '' || token.startsWith('sb_')) return
  const close = (message: string): void => closeMembership(membership, message, context.rooms)
  const verified = await verifyToken(token, context.jwtSecret)
  if ('error' in verified) return close(verified.error)
  const { claims } = verified
  const { changes, topic, connection } = membership
  await context.liveness.during(claims, async (verdict, isEnded) => {
    const allowed =
      verdict === 'live' &&
      (!membership.private || (await context.ask({ claims, topic, action: 'read' }))) &&
      (await mayHear(claims, changes, context))
    // It may have left, or been sent away, meanwhile.
    if (connection.memberships.get(`${CHANNEL}${topic}`) !== membership) return
    if (verdict === 'unavailable') return close(UNAVAILABLE)
    if (verdict === 'ended' || isEnded()) return close(ENDED)
    if (!allowed) return close(`You do not have permissions to read from this Channel topic: ${topic}`)
    const refusal = connection.place.become(claims)
    if (refusal) return close(limited(refusal))
    // Whose rows it hears of is asked of its token.
    context.rooms.remove(membership)
    membership.claims = claims
    delete membership.granted
    connection.claims = claims
    context.rooms.add(membership)
  })
}

const ENDED = `Unauthorized: ${SESSION_ENDED}`
const UNAVAILABLE = `Unavailable: ${SESSION_UNKNOWN}`

function limited(refusal: Refusal): string {
  return `RateLimitReached: ${textOfRefusal(refusal)}`
}

/** Tells the sender of a frame, and nobody else, that it is not taken. Without a reference there is nothing to answer. */
export function refuseFrame(connection: Connection, frame: Frame, reason: string): void {
  if (frame.ref !== null) reply(connection, frame, 'error', { reason: `RateLimitReached: ${reason}` })
}

function reply(
  connection: Connection,
  { joinRef, ref, topic, event }: Frame,
  status: 'ok' | 'error',
  response: unknown,
): void {
  connection.send({
    joinRef: joinRef ?? (event === 'phx_join' ? ref : null),
    ref,
    topic,
    event: 'phx_reply',
    payload: { status, response },
  })
}

const record = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {})
