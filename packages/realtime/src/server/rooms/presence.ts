import { randomHex } from '@msc/core'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { formatText } from '../wire/format.ts'
import { sendToRoom } from './fan-out.ts'
import type { Membership, Present, PresenceChanges, PresenceEntry, Rooms } from './rooms.ts'

/** Rooms up to this size hear of each change at once. */
const SMALL_ROOM = 25
/** Milliseconds that changes are gathered for each member of a larger one: some 10 000 frames in a second, whatever its size. */
const GATHER_EACH_MS = 0.1
const MAX_GATHER_MS = 1000

/**
 * A state as it will be sent, without what only the server says.
 *
 * @throws TypeError or RangeError for what JSON can't carry.
 */
export function stateText(state: Readonly<Record<string, unknown>>): string {
  const { phx_ref: _ref, phx_ref_prev: _previous, ...own } = state
  return JSON.stringify(own)
}

/** A room, as its members name it. */
export type Room = Pick<Membership, 'topic' | 'private'>

const NOBODY: Present = { members: 0, bytes: 0 }

/**
 * How many others of this one's room track a state, and what those weigh: that is what whoever comes is sent.
 *
 * @param replaced What it takes the place of.
 */
export function othersIn(
  { topic, private: isPrivate, tracked }: Membership,
  rooms: Rooms,
  replaced?: PresenceEntry,
): Present {
  let { members, bytes } = rooms.present.get(rooms.keyOf(topic, isPrivate)) ?? NOBODY
  for (const entry of [tracked, replaced]) {
    if (!entry) continue
    members -= 1
    bytes -= weightOf(entry)
  }
  return { members, bytes }
}

/** What another server lets linger of the user who is back here: each takes the place of one. */
export function lingeringOf(member: Membership, rooms: Rooms): PresenceEntry | undefined {
  const { presence, tracked } = member
  return tracked
    ? undefined
    : rooms.lingersElsewhere
        .get(placeOf(member, presence.key, rooms))
        ?.values()
        .next().value
}

/** Another server lets it linger. */
export function lingersElsewhere(room: Room, entry: PresenceEntry, rooms: Rooms): void {
  if (rooms.elsewhere.get(rooms.keyOf(room.topic, room.private))?.get(entry.ref) !== entry) return
  const place = placeOf(room, entry.key, rooms)
  rooms.lingersElsewhere.set(place, (rooms.lingersElsewhere.get(place) ?? new Set()).add(entry))
}

const placeOf = ({ topic, private: isPrivate }: Room, key: string, rooms: Rooms): string =>
  JSON.stringify([rooms.keyOf(topic, isPrivate), key])

/** Tracks a state, as `stateText` wrote it, in place of the one before. */
export function track(member: Membership, state: string, rooms: Rooms, replaced?: PresenceEntry): void {
  const { tracked: before, presence } = member
  const { joins, leaves } = changesOf(member, rooms)
  // What was never told of need not be taken back.
  const previous = before && joins.delete(before.ref) ? before.previous : before?.ref
  if (before && previous === before.ref) leaves.set(previous, before)
  const ref = randomHex(8)
  const refs = `"phx_ref":"${ref}"${previous === undefined ? '' : `,"phx_ref_prev":"${previous}"`}}`
  const text = state === '{}' ? `{${refs}` : `${state.slice(0, -1)},${refs}`
  const entry = { key: presence.key, ref, previous, text }
  count(member, before ? 0 : 1, weightOf(entry) - (before ? weightOf(before) : 0), rooms)
  member.tracked = entry
  joins.set(ref, entry)
  tellSoon(member, rooms)
  // Not before, or it would be seen to go.
  if (replaced) exit(member, replaced, rooms)
  rooms.outbound?.presence(member, entry, before, replaced)
}

export function untrack(member: Membership, rooms: Rooms): void {
  const { tracked } = member
  if (!tracked) return
  delete member.tracked
  count(member, -1, -weightOf(tracked), rooms)
  const { joins, leaves } = changesOf(member, rooms)
  if (!joins.delete(tracked.ref)) leaves.set(tracked.ref, tracked)
  tellSoon(member, rooms)
  rooms.outbound?.presence(member, undefined, tracked)
}

/**
 * Leaves what a member tracks where it is when the member goes: it is about to come back, on another server.
 *
 * @returns What ends it; `undefined` where it tracks nothing.
 */
export function linger(member: Membership, rooms: Rooms): (() => void) | undefined {
  const { tracked, topic, private: isPrivate } = member
  if (!tracked) return undefined
  delete member.tracked
  const room = { topic, private: isPrivate }
  elsewhereOf(room, rooms).set(tracked.ref, tracked)
  rooms.lingering.set(tracked.ref, { room, entry: tracked })
  rooms.outbound?.lingers(tracked)
  return () => {
    rooms.lingering.delete(tracked.ref)
    exit(room, tracked, rooms)
    rooms.outbound?.presence(room, undefined, tracked)
  }
}

/** Takes out what lingers, here or on another server, as its member is back. */
export function replace(room: Room, ref: string, rooms: Rooms): void {
  rooms.lingering.delete(ref)
  const entry = rooms.elsewhere.get(rooms.keyOf(room.topic, room.private))?.get(ref)
  if (entry) exit(room, entry, rooms)
}

/** Adds what a member of another server tracks. */
export function enter(room: Room, entry: PresenceEntry, rooms: Rooms): void {
  elsewhereOf(room, rooms).set(entry.ref, entry)
  count(room, 1, weightOf(entry), rooms)
  changesOf(room, rooms).joins.set(entry.ref, entry)
  tellSoon(room, rooms)
}

/** Takes out what a member of another server tracked. */
export function exit(room: Room, entry: PresenceEntry, rooms: Rooms): void {
  const key = rooms.keyOf(room.topic, room.private)
  const elsewhere = rooms.elsewhere.get(key)
  if (!elsewhere?.delete(entry.ref)) return
  if (elsewhere.size === 0) rooms.elsewhere.delete(key)
  if (rooms.lingersElsewhere.size > 0) {
    const place = placeOf(room, entry.key, rooms)
    const lingering = rooms.lingersElsewhere.get(place)
    if (lingering?.delete(entry) && lingering.size === 0) rooms.lingersElsewhere.delete(place)
  }
  count(room, -1, -weightOf(entry), rooms)
  const { joins, leaves } = changesOf(room, rooms)
  if (!joins.delete(entry.ref)) leaves.set(entry.ref, entry)
  tellSoon(room, rooms)
}

/** JSON of the room as it was last told, so that the next diff is true for whoever comes now as well. */
export function presenceState({ topic, private: isPrivate }: Membership, rooms: Rooms): string {
  const key = rooms.keyOf(topic, isPrivate)
  const changes = rooms.presence.get(key)
  const entries: PresenceEntry[] = [...(changes?.leaves.values() ?? [])]
  for (const entry of rooms.elsewhere.get(key)?.values() ?? []) if (!changes?.joins.has(entry.ref)) entries.push(entry)
  for (const { tracked } of rooms.members(topic, isPrivate)) {
    if (tracked && !changes?.joins.has(tracked.ref)) entries.push(tracked)
  }
  return wireText(entries)
}

/** Tells nobody any more. */
export function closePresence(rooms: Rooms): void {
  for (const changes of rooms.presence.values()) changes.cancel?.()
  rooms.presence.clear()
}

function count({ topic, private: isPrivate }: Room, members: number, bytes: number, rooms: Rooms): void {
  const key = rooms.keyOf(topic, isPrivate)
  const present = rooms.present.get(key) ?? { ...NOBODY }
  present.members += members
  present.bytes += bytes
  if (present.members > 0) rooms.present.set(key, present)
  else rooms.present.delete(key)
}

function elsewhereOf({ topic, private: isPrivate }: Room, rooms: Rooms): Map<string, PresenceEntry> {
  const key = rooms.keyOf(topic, isPrivate)
  let elsewhere = rooms.elsewhere.get(key)
  if (!elsewhere) rooms.elsewhere.set(key, (elsewhere = new Map()))
  return elsewhere
}

const weightOf = ({ key, text }: PresenceEntry): number => key.length + text.length

function changesOf({ topic, private: isPrivate }: Room, rooms: Rooms): PresenceChanges {
  const key = rooms.keyOf(topic, isPrivate)
  let changes = rooms.presence.get(key)
  if (!changes) rooms.presence.set(key, (changes = { joins: new Map(), leaves: new Map(), isDue: false }))
  return changes
}

function tellSoon({ topic, private: isPrivate }: Room, rooms: Rooms): void {
  const key = rooms.keyOf(topic, isPrivate)
  const changes = rooms.presence.get(key)
  // The first change sets the time; those that come meanwhile go with it.
  if (!changes || changes.isDue) return
  changes.isDue = true
  const tell = (): void => sendChanges(topic, isPrivate, rooms)
  const { size } = rooms.members(topic, isPrivate)
  if (size <= SMALL_ROOM) return tell()
  const wait = Math.min(MAX_GATHER_MS, size * GATHER_EACH_MS)
  changes.cancel = rooms.runtime.clock.setTimeout(() => rooms.runtime.attempt('tell of presence', tell), wait)
}

/**
 * Sends what has changed by then, when the turn of it comes: in a busy room changes gather, of which there are no more than
 * members, and do not wait one by one.
 */
function sendChanges(topic: string, isPrivate: boolean, rooms: Rooms): void {
  const key = rooms.keyOf(topic, isPrivate)
  let text: string | undefined
  sendToRoom(rooms, {
    topic,
    private: isPrivate,
    kind: 'presence',
    bytes: 0,
    onTurn() {
      text = takeChanges(key, rooms)
    },
    said: {
      event: 'presence_diff',
      get payload() {
        return text ?? ''
      },
    },
    isFor: ({ presence }) => text !== undefined && presence.enabled,
    dataFor(version) {
      if (version === 'events' || text === undefined) return undefined
      return formatText(
        { joinRef: null, ref: null, topic: `${CHANNEL}${topic}`, event: 'presence_diff', text },
        version,
      )
    },
  })
}

/** JSON of the diff; `undefined` where nothing has changed in the end. */
function takeChanges(key: string, rooms: Rooms): string | undefined {
  const changes = rooms.presence.get(key)
  rooms.presence.delete(key)
  if (!changes || changes.joins.size + changes.leaves.size === 0) return undefined
  return `{"joins":${wireText(changes.joins.values())},"leaves":${wireText(changes.leaves.values())}}`
}

function wireText(entries: Iterable<PresenceEntry>): string {
  const metas = new Map<string, string[]>()
  for (const { key, text } of entries) {
    const known = metas.get(key)
    if (known) known.push(text)
    else metas.set(key, [text])
  }
  const keys = [...metas].map(([key, texts]) => `${JSON.stringify(key)}:{"metas":[${texts.join(',')}]}`)
  return `{${keys.join(',')}}`
}
