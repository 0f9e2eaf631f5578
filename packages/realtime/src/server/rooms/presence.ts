import { randomHex } from '@msc/core'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import type { PresenceMeta, WireState } from '../../client/presence.ts'
import { format } from '../entrance/connection.ts'
import { sendToRoom } from './fan-out.ts'
import type { Membership, Rooms } from './rooms.ts'

/** What has changed in a room since its members were last told, by reference. */
export interface PresenceChanges {
  readonly joins: Map<string, PresenceEntry>
  readonly leaves: Map<string, PresenceEntry>
  /** A time is set to tell them. */
  isDue: boolean
}
type PresenceEntry = readonly [key: string, meta: PresenceMeta]

/** Rooms up to this size hear of each change at once. */
const SMALL_ROOM = 25
/** Milliseconds that changes are gathered for each member of a larger one: some 10 000 frames in a second, whatever its size. */
const GATHER_EACH_MS = 0.1
const MAX_GATHER_MS = 1000

/** Tracks a state, in place of the one before. */
export function track(member: Membership, state: Readonly<Record<string, unknown>>, rooms: Rooms): void {
  const { tracked: before, presence } = member
  const { joins, leaves } = changesOf(member, rooms)
  // What was never told of need not be taken back.
  const told = before && joins.delete(before.phx_ref) ? before['phx_ref_prev'] : before?.phx_ref
  if (before && told === before.phx_ref) leaves.set(told, [presence.key, before])
  const meta: PresenceMeta = {
    ...state,
    phx_ref: randomHex(8),
    ...(told !== undefined && { phx_ref_prev: told }),
  }
  member.tracked = meta
  joins.set(meta.phx_ref, [presence.key, meta])
  tellSoon(member, rooms)
}

export function untrack(member: Membership, rooms: Rooms): void {
  const { tracked, presence } = member
  if (!tracked) return
  delete member.tracked
  const { joins, leaves } = changesOf(member, rooms)
  if (!joins.delete(tracked.phx_ref)) leaves.set(tracked.phx_ref, [presence.key, tracked])
  tellSoon(member, rooms)
}

/** As the room was last told, so that the next diff is true for whoever comes now as well. */
export function presenceState({ topic, private: isPrivate }: Membership, rooms: Rooms): WireState {
  const changes = rooms.presence.get(rooms.keyOf(topic, isPrivate))
  const entries: PresenceEntry[] = [...(changes?.leaves.values() ?? [])]
  for (const { tracked, presence } of rooms.members(topic, isPrivate)) {
    if (tracked && !changes?.joins.has(tracked.phx_ref)) entries.push([presence.key, tracked])
  }
  return toWire(entries)
}

function changesOf({ topic, private: isPrivate }: Membership, rooms: Rooms): PresenceChanges {
  const key = rooms.keyOf(topic, isPrivate)
  let changes = rooms.presence.get(key)
  if (!changes) rooms.presence.set(key, (changes = { joins: new Map(), leaves: new Map(), isDue: false }))
  return changes
}

function tellSoon({ topic, private: isPrivate }: Membership, rooms: Rooms): void {
  const key = rooms.keyOf(topic, isPrivate)
  const tell = (): void => {
    const changes = rooms.presence.get(key)
    rooms.presence.delete(key)
    if (!changes || changes.joins.size + changes.leaves.size === 0) return
    const payload = { joins: toWire(changes.joins.values()), leaves: toWire(changes.leaves.values()) }
    const frame = { joinRef: null, ref: null, topic: `${CHANNEL}${topic}`, event: 'presence_diff', payload }
    sendToRoom(rooms, {
      topic,
      private: isPrivate,
      isFor: ({ presence }) => presence.enabled,
      dataFor: (version) => format(frame, version),
    })
  }
  const { size } = rooms.members(topic, isPrivate)
  if (size <= SMALL_ROOM) return tell()
  const changes = rooms.presence.get(key)
  // The first change sets the time; those that come meanwhile go with it.
  if (!changes || changes.isDue) return
  changes.isDue = true
  rooms.clock.setTimeout(tell, Math.min(MAX_GATHER_MS, size * GATHER_EACH_MS))
}

function toWire(entries: Iterable<PresenceEntry>): WireState {
  const state = Object.create(null) as Record<string, { metas: PresenceMeta[] }>
  for (const [key, meta] of entries) (state[key] ??= { metas: [] }).metas.push(meta)
  return state
}
