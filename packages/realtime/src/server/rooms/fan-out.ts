import type { Format } from '../entrance/connection.ts'
import type { Membership, Rooms } from './rooms.ts'

/** How long one message may keep the event loop: a large room must not stall everybody else. */
const SLICE_MS = 2
/** Members between two looks at the clock. */
const CHUNK = 25

export interface Outgoing {
  readonly topic: string
  readonly private: boolean
  /** Built once for each format; `undefined` where it can't be said in that. */
  dataFor(format: Format): string | Uint8Array | undefined
  isFor(member: Membership): boolean
}

/** Sends to a room, one message after the other, to whoever is there when its turn comes. */
export function sendToRoom(rooms: Rooms, outgoing: Outgoing): void {
  const key = rooms.keyOf(outgoing.topic, outgoing.private)
  const queue = rooms.sending.get(key)
  if (queue) queue.push(() => send(rooms, key, outgoing))
  else send(rooms, key, outgoing)
}

function send(rooms: Rooms, key: string, outgoing: Outgoing): void {
  const members = [...rooms.members(outgoing.topic, outgoing.private)].filter((member) => outgoing.isFor(member))
  const built = new Map<Format, string | Uint8Array | undefined>()
  const dataFor = (format: Format): string | Uint8Array | undefined => {
    if (!built.has(format)) built.set(format, outgoing.dataFor(format))
    return built.get(format)
  }
  const sendFrom = (start: number): void => {
    const until = rooms.clock.monotonic() + SLICE_MS
    for (let index = start; index < members.length; index++) {
      if (index % CHUNK === CHUNK - 1 && rooms.clock.monotonic() > until) {
        if (!rooms.sending.has(key)) rooms.sending.set(key, [])
        setImmediate(() => sendFrom(index))
        return
      }
      const { connection } = members[index] as Membership
      const data = dataFor(connection.version)
      if (data !== undefined) connection.sendRaw(data)
    }
    // In the order they came, whatever came meanwhile.
    const next = rooms.sending.get(key)?.shift()
    if (next) setImmediate(next)
    else rooms.sending.delete(key)
  }
  sendFrom(0)
}
