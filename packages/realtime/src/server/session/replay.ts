import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import type { FeedSource } from '../../feed/source.ts'
import { push } from '../rooms/membership.ts'
import type { Membership } from '../rooms/rooms.ts'
import type { Runtime } from '../runtime.ts'

/** What a client asks to be told again when it joins. */
export interface ReplayWish {
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly limit: number
}

/** Supabase's bounds. */
const MAX_REPLAYED = 25
const MAX_AGE_MS = 72 * 3_600_000

/** @throws Error that says what is wrong with it. */
export function parseReplay(value: unknown, isPrivate: boolean): ReplayWish | undefined {
  if (value === undefined || value === null) return undefined
  if (!isPrivate) throw new Error('UnableToReplayMessages: Only a private channel can replay messages')
  const { since, limit = MAX_REPLAYED } = value as { since?: unknown; limit?: unknown }
  if (typeof since !== 'number' || !Number.isFinite(since) || since < 0) {
    throw new Error('UnableToReplayMessages: `since` is a number of milliseconds')
  }
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > MAX_REPLAYED) {
    throw new Error(`UnableToReplayMessages: \`limit\` is between 1 and ${MAX_REPLAYED}`)
  }
  return { since, limit }
}

/** The latest messages that the database sent to the topic, each marked as told again. */
export async function replay(
  membership: Membership,
  { since, limit }: ReplayWish,
  feeds: FeedSource,
  { clock, report }: Runtime,
): Promise<void> {
  try {
    const from = Math.max(since, clock.now() - MAX_AGE_MS)
    const events = await feeds.replay(membership.topic, from, limit)
    // It may have been sent away meanwhile.
    if (membership.connection.memberships.get(`${CHANNEL}${membership.topic}`) !== membership) return
    for (const { id, event, payload } of events) {
      push(membership, 'broadcast', { type: 'broadcast', event, payload, meta: { replayed: true, id } })
    }
  } catch (error) {
    report(error, 'replay', { topic: membership.topic })
    notReplayed(membership, 'The history can not be read now')
  }
}

export function notReplayed(membership: Membership, why: string): void {
  const message = `UnableToReplayMessages: ${why}`
  push(membership, 'system', { extension: 'system', status: 'error', message, channel: membership.topic })
}
