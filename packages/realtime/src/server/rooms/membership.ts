import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { untrack } from './presence.ts'
import type { Membership, Rooms } from './rooms.ts'

export function push({ connection, joinRef, topic }: Membership, event: string, payload: unknown): void {
  connection.send({ joinRef, ref: null, topic: `${CHANNEL}${topic}`, event, payload })
}

/** A payload that is JSON already, which is not read again. */
export function pushText({ connection, joinRef, topic }: Membership, event: string, text: string): void {
  connection.sendText({ joinRef, ref: null, topic: `${CHANNEL}${topic}`, event, text })
}

/** @param event `phx_error` for what may pass: Supabase's SDK joins again after it, and not after a `phx_close`. */
export function closeMembership(
  membership: Membership,
  message: string,
  rooms: Rooms,
  event: 'phx_close' | 'phx_error' = 'phx_close',
): void {
  try {
    push(membership, 'system', { extension: 'system', status: 'error', message, channel: membership.topic })
    push(membership, event, {})
  } finally {
    // Whether or not it could be told.
    leave(membership, rooms)
    // It can join nothing more.
    const { connection } = membership
    if (connection.transport === 'stream' && connection.memberships.size === 0) connection.terminate()
  }
}

/** Ends a membership so that the client joins again, by itself or, where it has nothing but a plain stream, by opening that anew. */
export function crashMembership(membership: Membership, rooms: Rooms): void {
  const { connection } = membership
  try {
    if (connection.transport === 'stream') connection.terminate()
    else push(membership, 'phx_error', {})
  } finally {
    leave(membership, rooms)
  }
}

export function leave(membership: Membership, rooms: Rooms): void {
  const { memberships, place } = membership.connection
  if (memberships.delete(`${CHANNEL}${membership.topic}`)) place.freeTopics(1)
  rooms.remove(membership)
  untrack(membership, rooms)
}
