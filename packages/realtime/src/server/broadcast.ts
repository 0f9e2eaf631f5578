import { emit } from '@msc/core'
import type { OutgoingMessage } from '../driver.ts'
import { formatBinaryBroadcast, type Frame } from '../frames.ts'
import { format, type Connection, type Format } from './connection.ts'
import { closeMembership } from './membership.ts'
import type { Membership, Rooms } from './rooms.ts'

/** How long one message may keep the event loop: a large room must not stall everybody else. */
const SLICE_MS = 2
/** Members between two looks at the clock. */
const CHUNK = 25
/** Messages that wait for the ones before them in one room. */
const MAX_QUEUED = 1000

type Broadcast = Omit<OutgoingMessage, 'payload'> & { readonly payload: unknown; readonly id?: string }

/** Sends to a room, one message after the other; each version's frame is built once. */
export function broadcast(rooms: Rooms, message: Broadcast, except?: Connection): void {
  const key = `${message.private ? 'private' : 'public'} ${message.topic}`
  const queue = rooms.sending.get(key)
  if (!queue) return send(rooms, key, message, except)
  if (queue.length < MAX_QUEUED) return void queue.push(() => send(rooms, key, message, except))
  // Told, they come back and fetch what they missed, or know that they missed something.
  emit('driver.drop', { concern: 'realtime', driver: 'embedded', reason: 'room too busy', count: queue.length + 1 })
  queue.length = 0
  for (const member of rooms.members(message.topic, message.private)) {
    closeMembership(member, 'Too many messages at once', rooms)
  }
}

function send(
  rooms: Rooms,
  key: string,
  { topic, event, payload, private: isPrivate, id }: Broadcast,
  except?: Connection,
): void {
  const members = [...rooms.members(topic, isPrivate)].filter(({ connection, self }) => connection !== except || self)
  const binary = payload instanceof Uint8Array ? formatBinaryBroadcast(`realtime:${topic}`, event, payload) : undefined
  const frame: Frame = {
    joinRef: null,
    ref: null,
    topic: `realtime:${topic}`,
    event: 'broadcast',
    payload: { type: 'broadcast', event, payload, ...(id !== undefined && { meta: { id } }) },
  }
  const built = new Map<Format, string>()
  const frameFor = (version: Format): string => {
    let text = built.get(version)
    if (text === undefined) built.set(version, (text = format(frame, version)))
    return text
  }
  const sendFrom = (start: number): void => {
    const until = performance.now() + SLICE_MS
    for (let index = start; index < members.length; index++) {
      if (index % CHUNK === CHUNK - 1 && performance.now() > until) {
        if (!rooms.sending.has(key)) rooms.sending.set(key, [])
        setImmediate(() => sendFrom(index))
        return
      }
      const { connection } = members[index] as Membership
      // Version 1 has no bytes; what can't be said there is left out.
      if (binary === undefined) connection.sendRaw(frameFor(connection.version))
      else if (connection.version === '2.0.0') connection.sendRaw(binary)
    }
    // In the order they came, whatever came meanwhile.
    const next = rooms.sending.get(key)?.shift()
    if (next) setImmediate(next)
    else rooms.sending.delete(key)
  }
  sendFrom(0)
}
