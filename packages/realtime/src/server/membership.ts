import { untrack } from './presence.ts'
import type { Membership, Rooms } from './rooms.ts'

/** What stands before every topic on the wire. */
export const PREFIX = 'realtime:'

export function push({ connection, joinRef, topic }: Membership, event: string, payload: unknown): void {
  connection.send({ joinRef, ref: null, topic: `${PREFIX}${topic}`, event, payload })
}

export function closeMembership(membership: Membership, message: string, rooms: Rooms): void {
  push(membership, 'system', { extension: 'system', status: 'error', message, channel: membership.topic })
  push(membership, 'phx_close', {})
  leave(membership, rooms)
}

export function leave(membership: Membership, rooms: Rooms): void {
  membership.connection.memberships.delete(`${PREFIX}${membership.topic}`)
  rooms.remove(membership)
  untrack(membership, rooms)
}
