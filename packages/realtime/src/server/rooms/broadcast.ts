import { emit } from '@msc/core'
import type { OutgoingMessage } from '../../driver.ts'
import { formatBinaryBroadcast, type Frame } from '../../phoenix/frames.ts'
import { format, type Connection } from '../entrance/connection.ts'
import { sendToRoom } from './fan-out.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { closeMembership } from './membership.ts'
import type { Rooms } from './rooms.ts'

/** Messages that wait for the ones before them in one room. */
const MAX_QUEUED = 1000

type Broadcast = Omit<OutgoingMessage, 'payload'> & { readonly payload: unknown; readonly id?: string }

/** Sends a message to everybody in its room, but for whoever sent it and does not want to hear it. */
export function broadcast(rooms: Rooms, message: Broadcast, from?: Connection): void {
  const { topic, event, payload, private: isPrivate, id } = message
  const waiting = rooms.sending.get(rooms.keyOf(topic, isPrivate))
  if (waiting && waiting.length >= MAX_QUEUED) {
    // Told, they come back and fetch what they missed, or know that they missed something.
    emit('driver.drop', { concern: 'realtime', driver: 'embedded', reason: 'room too busy', count: waiting.length + 1 })
    waiting.length = 0
    for (const member of rooms.members(topic, isPrivate)) closeMembership(member, 'Too many messages at once', rooms)
    return
  }
  const frame: Frame = {
    joinRef: null,
    ref: null,
    topic: `${CHANNEL}${topic}`,
    event: 'broadcast',
    payload: { type: 'broadcast', event, payload, ...(id !== undefined && { meta: { id } }) },
  }
  sendToRoom(rooms, {
    topic,
    private: isPrivate,
    isFor: ({ connection, self }) => connection !== from || self,
    dataFor(version) {
      if (!(payload instanceof Uint8Array)) return format(frame, version)
      // Version 1 has no bytes; what can't be said there is left out.
      return version === '2.0.0' ? formatBinaryBroadcast(frame.topic, event, payload) : undefined
    },
  })
}
