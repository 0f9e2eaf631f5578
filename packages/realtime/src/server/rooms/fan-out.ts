import type { Format } from '../wire/format.ts'
import type { RoomMembers } from './room-members.ts'
import type { Membership, Outgoing, RoomQueue, Rooms } from './rooms.ts'

/** How long one message may keep the event loop: a large room must not stall everybody else. */
const SLICE_MS = 2
/** Members between two looks at the clock. */
const CHUNK = 25

/** Sends to a room, one message after the other, to whoever is there when its turn comes. */
export function sendToRoom(rooms: Rooms, outgoing: Outgoing): void {
  const key = rooms.keyOf(outgoing.topic, outgoing.private)
  const queue = rooms.sending.get(key)
  if (!queue) return begin(rooms, key, outgoing)
  queue.waiting.push(outgoing)
  weigh(rooms, queue, outgoing.bytes)
}

/** Changes what the queue of a room weighs. */
export function weigh(rooms: Rooms, queue: RoomQueue, bytes: number): void {
  queue.bytes += bytes
  rooms.waitingBytes += bytes
}

/** One message on its way to those who were there when its turn came. */
interface Delivery {
  readonly key: string
  readonly members: readonly Membership[]
  /** The room, and how many had left it before. */
  readonly room: RoomMembers | undefined
  readonly left: number
  readonly outgoing: Outgoing
  readonly built: Map<Format, string | Uint8Array | undefined>
}

function begin(rooms: Rooms, key: string, outgoing: Outgoing): void {
  let members: Membership[] = []
  const room = rooms.room(outgoing.topic, outgoing.private)
  rooms.runtime.attempt('send to a room', () => {
    outgoing.onTurn?.()
    if (!room) return
    room.countMessage(rooms.window.number)
    members = [...room].filter((member) => outgoing.isFor(member))
  })
  if (rooms.followed.size > 0) rooms.runtime.attempt('follow a room', () => rooms.followed.get(key)?.(outgoing))
  proceed(rooms, { key, members, room, left: room?.left ?? 0, outgoing, built: new Map() }, 0)
}

/** Goes on at a member. What can't be said reaches nobody, and is no reason to stop what waits behind it. */
function proceed(rooms: Rooms, delivery: Delivery, start: number): void {
  let resumeAt: number | undefined
  rooms.runtime.attempt('send to a room', () => {
    resumeAt = deliver(rooms, delivery, start)
  })
  const { key } = delivery
  if (resumeAt === undefined) return next(rooms, key)
  if (!rooms.sending.has(key)) rooms.sending.set(key, { waiting: [], bytes: 0 })
  const from = resumeAt
  setImmediate(() => proceed(rooms, delivery, from))
}

/** @returns The member to go on at, once others have had their turn; `undefined` when all have it. */
function deliver(rooms: Rooms, { members, room, left, outgoing, built }: Delivery, start: number): number | undefined {
  const { clock, counters } = rooms.runtime
  const until = clock.monotonic() + SLICE_MS
  let sent = 0
  for (let index = start; index < members.length; index++) {
    if (index > start && index % CHUNK === CHUNK - 1 && clock.monotonic() > until) {
      counters.countDeliveries(sent)
      return index
    }
    const member = members[index] as Membership
    // It was told that it is out while others had their turn.
    if (room?.left !== left && !room?.has(member)) continue
    const data = dataFor(member, outgoing, built)
    if (data === undefined) continue
    sent += 1
    sendTo(rooms, member, data)
  }
  counters.countDeliveries(sent)
  return undefined
}

function dataFor(
  { connection }: Membership,
  outgoing: Outgoing,
  built: Delivery['built'],
): string | Uint8Array | undefined {
  const { version } = connection
  if (outgoing.echo?.of === connection) return outgoing.echo.dataFor(version)
  if (!built.has(version)) built.set(version, outgoing.dataFor(version))
  return built.get(version)
}

/** A member whose connection fails loses it; the others hear. */
function sendTo(rooms: Rooms, { connection }: Membership, data: string | Uint8Array): void {
  try {
    connection.sendRaw(data)
  } catch (error) {
    rooms.runtime.report(error, 'send to a member')
    rooms.runtime.attempt('end a connection that fails', () => connection.terminate())
  }
}

/** In the order they came, whatever came meanwhile. */
function next(rooms: Rooms, key: string): void {
  const queue = rooms.sending.get(key)
  const following = queue?.waiting.shift()
  if (!queue || !following) {
    rooms.sending.delete(key)
    return
  }
  weigh(rooms, queue, -following.bytes)
  setImmediate(() => begin(rooms, key, following))
}
