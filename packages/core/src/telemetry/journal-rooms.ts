import { matches, type JournalQuery, type JournalRecord } from './journal.ts'

export interface RoomLimits {
  /** The most records of one kind and source. */
  readonly capacity: number
  /** The most bytes of the records of one source, all kinds together. The process itself has no such limit. */
  readonly maxSourceBytes: number
}

/** The records of a journal in memory: a room for each source, with a ring for each kind. */
export interface Rooms {
  /** Returns the source under which a record that claims `source` is kept; `undefined` for the process itself. */
  nameOf(source: unknown): string | undefined
  /** Returns how many records were dropped for it, which may be the record itself. */
  keep(record: JournalRecord): number
  /** Returns up to `limit` records that match, the newest first. */
  newest(query: JournalQuery, limit: number): JournalRecord[]
}

/** The bound on rings of a room. Kinds come from code, so there are few; a caller that invents more gets a shared ring. */
const MAX_KINDS = 50
/** The bound on rooms beside the process's own. Further sources share one. */
const MAX_SOURCES = 8
const SOURCE = /^[a-z][a-z\d-]{0,39}$/
/** The ring of further kinds, and the room of further sources. */
const OTHER = 'other'

interface Kept {
  readonly record: JournalRecord
  /** Zero for a record of the process itself. */
  readonly bytes: number
}

/** The newest records of one kind, the oldest of them at `first`. What is before that was dropped. */
interface Ring {
  items: (Kept | undefined)[]
  first: number
  bytes: number
}

interface Room {
  readonly rings: Map<string, Ring>
  bytes: number
}

export function createRooms({ capacity, maxSourceBytes }: RoomLimits): Rooms {
  const rooms = new Map<string | undefined, Room>([[undefined, { rings: new Map(), bytes: 0 }]])

  const nameOf = (source: unknown): string | undefined => {
    if (source === undefined) return undefined
    const name = typeof source === 'string' && SOURCE.test(source) ? source : OTHER
    return rooms.has(name) || rooms.size <= MAX_SOURCES ? name : OTHER
  }
  return {
    nameOf,
    keep(record) {
      const name = nameOf(record.source)
      const bytes = name === undefined ? 0 : sizeOf(record)
      if (bytes > maxSourceBytes) return 1
      let room = rooms.get(name)
      if (!room) rooms.set(name, (room = { rings: new Map(), bytes: 0 }))
      const ring = ringOf(room, record.kind)
      ring.items.push({ record, bytes })
      ring.bytes += bytes
      room.bytes += bytes
      let dropped = 0
      for (; ring.items.length - ring.first > capacity; dropped++) dropOldest(room, ring)
      for (; room.bytes > maxSourceBytes; dropped++) dropOldest(room, largest(room))
      return dropped
    },
    newest: (query, limit) =>
      merge(
        [...rooms.values()].flatMap(({ rings }) => [...rings.values()]),
        query,
        limit,
      ),
  }
}

function ringOf({ rings }: Room, kind: string): Ring {
  const name = rings.has(kind) || rings.size < MAX_KINDS ? kind : OTHER
  let ring = rings.get(name)
  if (!ring) rings.set(name, (ring = { items: [], first: 0, bytes: 0 }))
  return ring
}

function dropOldest(room: Room, ring: Ring): void {
  const bytes = ring.items[ring.first]?.bytes ?? 0
  ring.bytes -= bytes
  room.bytes -= bytes
  ring.items[ring.first++] = undefined
  // Rarely, since it moves all others.
  if (ring.first * 2 >= ring.items.length) {
    ring.items = ring.items.slice(ring.first)
    ring.first = 0
  }
}

function largest({ rings }: Room): Ring {
  return [...rings.values()].reduce((most, ring) => (ring.bytes > most.bytes ? ring : most))
}

/** What a value takes beside its name and its text, in bytes: rather too much than too little. */
const NODE_BYTES = 128

/** Estimates the memory of a record that was received, in bytes: `Infinity` if that can't be told, as of a cycle. */
function sizeOf(record: JournalRecord): number {
  let bytes = 0
  try {
    JSON.stringify(record, (name: string, value: unknown) => {
      bytes += NODE_BYTES + 2 * (name.length + (typeof value === 'string' ? value.length : 0))
      return value
    })
    return bytes
  } catch {
    return Infinity
  }
}

/** Walks along the rings by their heads, so that it costs what is returned and skipped, whatever the rings hold. */
function merge(rings: readonly Ring[], query: JournalQuery, limit: number): JournalRecord[] {
  const open = rings.flatMap((ring) => {
    const walk = backwards(ring, query)
    const record = walk()
    return record ? [{ record, walk }] : []
  })
  open.sort((a, b) => (a.record.id < b.record.id ? 1 : -1))
  const found: JournalRecord[] = []
  for (let head = open[0]; head && found.length < limit; head = open[0]) {
    found.push(head.record)
    const record = head.walk()
    if (record) head.record = record
    else open.shift()
    if (!record) continue
    for (let at = 1; at < open.length && (open[at] as typeof head).record.id > record.id; at++) {
      open[at - 1] = open[at] as typeof head
      open[at] = head
    }
  }
  return found
}

/** Returns the matching records of a ring one by one, the newest first. */
function backwards({ items, first }: Ring, query: JournalQuery): () => JournalRecord | undefined {
  let at = items.length
  return () => {
    while (--at >= first) {
      const record = items[at]?.record
      if (record && matches(record, query)) return record
    }
    return undefined
  }
}
