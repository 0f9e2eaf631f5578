import { isRecord } from '@msc/core'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { pageJson } from '../../feed/page.ts'
import { isCursor } from '../../feed/position.ts'
import type { Connection } from '../entrance/connection.ts'
import { leave } from '../rooms/membership.ts'
import { wantsOccupancy } from '../rooms/occupancy.ts'
import type { Membership } from '../rooms/rooms.ts'
import { fitsName, NAME_RULE } from '../../base/name.ts'
import { isFeedTopic, type SessionContext } from './context.ts'
import { onAct } from './act.ts'
import { join } from './join.ts'
import { isStill, onBroadcast, onPresence } from './messages.ts'
import { limited, refusal, refusalSaying, UNAVAILABLE, type Refused } from './refusal.ts'
import { refuse, reply, replyWith } from './reply.ts'
import type { SentFrame } from '../wire/exact.ts'
import { onToken } from './token.ts'

/** Events in one answer. */
const PAGE = 500
const UNREAD: Refused = { ...UNAVAILABLE, reason: 'The feed can not be read now' }

/** Answers one frame. Never throws for what a client sends. */
export async function handleFrame(connection: Connection, frame: SentFrame, context: SessionContext): Promise<void> {
  const { topic, event } = frame
  const { runtime } = context
  const payload = isRecord(frame.payload) ? frame.payload : {}
  if (topic === 'phoenix' && event === 'heartbeat') {
    return reply(connection, frame, 'ok', { msc: { spread_ms: context.spreadMs() } })
  }
  if (!topic.startsWith(CHANNEL) || topic.length === CHANNEL.length) {
    return refuse(connection, frame, refusalSaying('PAYLOAD_INVALID', 'unmatched topic'), runtime)
  }
  if (!fitsName(topic)) {
    return refuse(connection, frame, refusal('PAYLOAD_INVALID', `A topic has ${NAME_RULE}`), runtime)
  }
  if (event === 'phx_join') return join(connection, frame, payload, context)
  const membership = connection.memberships.get(topic)
  if (!membership) {
    runtime.counters.countRefused('NOT_JOINED')
    // Phoenix's own words: a client that hears them joins.
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
  if (event === 'msc_act') return onAct(membership, frame, payload, context)
  if (event === 'msc_occupancy') {
    const isCounted = context.occupancies.watch(membership, wantsOccupancy(payload))
    if (!isCounted) return refuse(connection, frame, { ...UNAVAILABLE, reason: 'Too many rooms are counted' }, runtime)
    return reply(connection, frame, 'ok', {})
  }
  if (event === 'access_token') return onToken(membership, payload['access_token'], context)
  refuse(connection, frame, refusal('PAYLOAD_INVALID', `Unknown event ${event.slice(0, 50)}`), runtime)
}

/** Ours, not Supabase's, where it is a call of the database: what came after a cursor. `null`: nothing is kept. */
async function onSince(
  membership: Membership,
  frame: SentFrame,
  payload: Record<string, unknown>,
  { feeds, history, runtime }: SessionContext,
): Promise<void> {
  const { connection, topic } = membership
  const after = payload['after'] ?? undefined
  const kept = history?.keeps(topic, membership.private) ? history : undefined
  const isFeed = feeds && membership.private && isFeedTopic(topic)
  if (!isFeed && !kept) return reply(connection, frame, 'ok', null)
  // Before it is read: what is done meanwhile comes live as well, and is known by its position.
  if (kept && !isRecord(payload['latest'])) membership.followsHistory = true
  if (after !== undefined && !isCursor(after)) {
    return refuse(connection, frame, refusal('PAYLOAD_INVALID', 'Not a cursor'), runtime)
  }
  const tooMany = connection.place.take({ feedReadsPerMinute: 1 })
  if (tooMany) return refuse(connection, frame, limited(tooMany), runtime)
  try {
    const { latest } = payload
    const page = isFeed
      ? feeds.since(topic, after, PAGE)
      : isRecord(latest)
        ? kept?.latest(topic, membership.private, latest)
        : kept?.since(topic, membership.private, after)
    const found = await page
    // It may have been sent away, or its session ended, while that was read.
    if (!isStill(membership, frame)) return refuse(connection, frame, UNREAD, runtime)
    if (found) replyWith(connection, frame, pageJson(found))
  } catch (error) {
    runtime.report(error, 'read a feed', { topic })
    refuse(connection, frame, UNREAD, runtime)
  }
}
