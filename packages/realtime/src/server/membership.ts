import type { PresenceMeta, WireState } from '../presence.ts'
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
  stopTracking(membership, rooms)
}

export function stopTracking(membership: Membership, rooms: Rooms): void {
  const { tracked, presence } = membership
  if (!tracked) return
  delete membership.tracked
  tellPresence(membership, rooms, {}, { [presence.key]: { metas: [tracked] } })
}

export function tellPresence(
  { topic, private: isPrivate }: Membership,
  rooms: Rooms,
  joins: WireState,
  leaves: WireState,
): void {
  for (const member of rooms.members(topic, isPrivate)) {
    if (member.presence.enabled) push(member, 'presence_diff', { joins, leaves })
  }
}

export function presenceState({ topic, private: isPrivate }: Membership, rooms: Rooms): WireState {
  const state: Record<string, { metas: PresenceMeta[] }> = Object.create(null) as Record<
    string,
    { metas: PresenceMeta[] }
  >
  for (const { tracked, presence } of rooms.members(topic, isPrivate)) {
    if (tracked) (state[presence.key] ??= { metas: [] }).metas.push(tracked)
  }
  return state
}
