import { isRecord } from '@msc/core'
import { enter, exit, lingersElsewhere, replace, type Room } from '../rooms/presence.ts'
import type { PresenceEntry, Rooms } from '../rooms/rooms.ts'

/** A state of a member of one room, as it travels. */
interface RoomEntry {
  readonly room: Room
  readonly entry: PresenceEntry
  /** Its member was told to come back on another server. */
  readonly lingers?: boolean
}

/** Who is present on other servers. */
export interface Elsewhere {
  /** A change of one server's presence. */
  change(peer: string, message: Readonly<Record<string, unknown>>): void
  /** A piece of all that one server has; the last of them takes the place of what was known. */
  piece(peer: string, message: Readonly<Record<string, unknown>>): void
  /** What is being put together has a hole. */
  spoil(peer: string): void
  /** All of this server's members are gone. */
  clear(peer: string): void
}

/** Characters of states in one piece. */
const PIECE_LENGTH = 32 * 1024

export function createElsewhere(rooms: Rooms): Elsewhere {
  // By server, then by reference.
  const known = new Map<string, Map<string, RoomEntry>>()
  const coming = new Map<string, Map<string, RoomEntry>>()
  const of = (peer: string): Map<string, RoomEntry> => {
    let entries = known.get(peer)
    if (!entries) known.set(peer, (entries = new Map()))
    return entries
  }
  const add = (entries: Map<string, RoomEntry>, each: RoomEntry): void => {
    const { ref } = each.entry
    if (!entries.has(ref)) {
      entries.set(ref, each)
      enter(each.room, each.entry, rooms)
    }
    if (each.lingers) linger(entries.get(ref))
  }
  const linger = (each: RoomEntry | undefined): void => {
    if (each) lingersElsewhere(each.room, each.entry, rooms)
  }
  const remove = (entries: Map<string, RoomEntry>, ref: string): void => {
    const each = entries.get(ref)
    if (!each) return
    entries.delete(ref)
    exit(each.room, each.entry, rooms)
  }
  return {
    change(peer, { left, joined, lingers, replaced }) {
      const entry = parseEntry(joined)
      const assembling = coming.get(peer)
      if (typeof lingers === 'string') {
        linger(of(peer).get(lingers))
        const each = assembling?.get(lingers)
        if (each) assembling?.set(lingers, { ...each, lingers: true })
      }
      // The new state first: told together, a member that changes does not leave in between.
      if (entry) {
        add(of(peer), entry)
        assembling?.set(entry.entry.ref, entry)
        if (typeof replaced === 'string') replace(entry.room, replaced, rooms)
      }
      if (typeof left === 'string') {
        remove(of(peer), left)
        assembling?.delete(left)
      }
    },
    piece(peer, { first, last, entries }) {
      if (first === true) coming.set(peer, new Map())
      const assembling = coming.get(peer)
      if (!assembling) return
      for (const each of Array.isArray(entries) ? entries : []) {
        const entry = parseEntry(each)
        if (entry) assembling.set(entry.entry.ref, entry)
      }
      if (last !== true) return
      coming.delete(peer)
      const before = of(peer)
      for (const each of assembling.values()) add(before, each)
      for (const ref of before.keys()) if (!assembling.has(ref)) remove(before, ref)
    },
    spoil(peer) {
      coming.delete(peer)
    },
    clear(peer) {
      coming.delete(peer)
      const entries = known.get(peer)
      known.delete(peer)
      for (const { room, entry } of entries?.values() ?? []) exit(room, entry, rooms)
    },
  }
}

export function formatChange(
  room: Room,
  joined: PresenceEntry | undefined,
  left: PresenceEntry | undefined,
  replaced?: PresenceEntry,
): string {
  const entry = joined && wireEntry(room, joined)
  return JSON.stringify({ kind: 'presence', joined: entry, left: left?.ref, replaced: replaced?.ref })
}

/** To servers that do not know of it, no change. */
export const formatLingers = ({ ref }: PresenceEntry): string => JSON.stringify({ kind: 'presence', lingers: ref })

/** All states that are this server's to tell of. Those who linger are the last: who begins to meanwhile is told all the same. */
function* statesOf(rooms: Rooms): Generator<RoomEntry> {
  for (const member of rooms.everyone()) if (member.tracked) yield { room: member, entry: member.tracked }
  for (const each of rooms.lingering.values()) yield { ...each, lingers: true }
}

/**
 * All that this server's members track, in pieces. Each is made when it is to be sent: what changes meanwhile is sent behind
 * it, and is right there whether or not the piece had it.
 */
export function* piecesOf(rooms: Rooms): Generator<string> {
  let first = true
  let entries: unknown[] = []
  let length = 0
  for (const { room, entry, lingers } of statesOf(rooms)) {
    entries.push({ ...wireEntry(room, entry), lingers })
    length += entry.text.length + room.topic.length
    if (length < PIECE_LENGTH) continue
    yield JSON.stringify({ kind: 'state', first, entries })
    first = false
    entries = []
    length = 0
  }
  yield JSON.stringify({ kind: 'state', first, last: true, entries })
}

const wireEntry = ({ topic, private: isPrivate }: Room, { key, ref, text }: PresenceEntry): object => ({
  topic,
  private: isPrivate,
  key,
  ref,
  text,
})

function parseEntry(value: unknown): RoomEntry | undefined {
  if (!isRecord(value)) return undefined
  const { topic, private: isPrivate, key, ref, text } = value
  if (typeof topic !== 'string' || typeof key !== 'string' || typeof ref !== 'string' || typeof text !== 'string') {
    return undefined
  }
  const room = { topic, private: isPrivate === true }
  return { room, entry: { key, ref, text, previous: undefined }, lingers: value['lingers'] === true }
}
