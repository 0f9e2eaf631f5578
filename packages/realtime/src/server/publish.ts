import { UnavailableError, ValidationError, toError } from '@msc/core'
import type { OutgoingMessage } from '../driver.ts'
import { CHANNEL } from '../phoenix/channel-prefix.ts'
import type { Departures } from './admission/departures.ts'
import { broadcast, broadcastFeed, hasRoomFor } from './rooms/broadcast.ts'
import type { Rooms } from './rooms/rooms.ts'
import { isFeedTopic } from './session/context.ts'
import { ROOM_BUSY } from './session/refusal.ts'
import { assertName } from './wire/binary.ts'
import type { FeedMessage } from '../feed/source.ts'

/**
 * Sends what the application says.
 *
 * @throws ValidationError `REALTIME_NAME_TOO_LONG`, `REALTIME_PAYLOAD_UNWRITABLE`; UnavailableError `REALTIME_ROOM_BUSY`.
 */
export function publishTo(rooms: Rooms, { topic, event, payload, private: isPrivate }: OutgoingMessage): void {
  assertName('topic', CHANNEL + topic)
  assertName('event', event)
  const message = { topic, event, payload: textOf(payload), private: isPrivate }
  if (!hasRoomFor(rooms, [message])) {
    rooms.runtime.counters.countRefused(ROOM_BUSY.code)
    throw new UnavailableError('[msc/realtime] Too many messages wait in this room.', {
      code: 'REALTIME_ROOM_BUSY',
      hint: 'Publish it again in a second, or publish less: the members can not follow.',
    })
  }
  broadcast(rooms, message)
}

/** Hands on what the database says. One message that can't be said is reported, and costs no other. */
export function publishFeed(rooms: Rooms, departures: Departures, message: FeedMessage): void {
  if (message.kind === 'access') return void rooms.runtime.attempt('send away', () => departures.take(message))
  const { id, topic, event, json, bytes, kind, private: isPrivate } = message
  const said = { event, payload: bytes ?? json, private: isPrivate }
  rooms.runtime.attempt('hand on a feed', () => {
    if (kind !== 'emptied') return broadcastFeed(rooms, { id, topic, ...said })
    for (const each of rooms.topicsFrom(topic, isPrivate)) broadcastFeed(rooms, { topic: each, ...said })
  })
  if (kind !== 'row' || !isFeedTopic(topic)) return
  rooms.runtime.attempt('hand on a change', () => rooms.changes.publish(message))
}

function textOf(payload: unknown): string | Uint8Array {
  if (payload instanceof Uint8Array) return payload
  try {
    const text = JSON.stringify(payload ?? {})
    // A function, or what a `toJSON` makes nothing of.
    if (typeof text === 'string') return text
    throw new TypeError('JSON has nothing for it')
  } catch (error) {
    const message = 'The payload can not be written as JSON.'
    throw new ValidationError(`[msc/realtime] ${message}`, [{ path: 'payload', message }], {
      code: 'REALTIME_PAYLOAD_UNWRITABLE',
      hint: 'Pass text in place of a BigInt, and ids in place of objects that refer to each other.',
      cause: toError(error),
    })
  }
}
