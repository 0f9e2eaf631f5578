import { UnavailableError } from '@msc/core'
import { payloadText, unwritable } from '../base/payload-text.ts'
import type { OutgoingMessage } from '../driver.ts'
import type { Departures } from './admission/departures.ts'
import { broadcast, broadcastFeed, broadcastKept, hasRoomFor, type Broadcast, type From } from './rooms/broadcast.ts'
import type { Gaps } from './bus/gaps.ts'
import type { Rooms } from './rooms/rooms.ts'
import { isFeedTopic } from './session/context.ts'
import { ROOM_BUSY } from './session/refusal.ts'
import { assertGiven, assertPlace } from '../base/name.ts'
import type { FeedMessage } from '../feed/source.ts'
import { actionMeta } from '../feed/keeping.ts'
import { toldOf, type History } from './history/history.ts'

/**
 * Sends what the application says. Where its topic is kept, it is sent once it is, and the promise says so.
 *
 * @throws ValidationError `REALTIME_NAME_TOO_LONG`, `REALTIME_NAME_INVALID`, `REALTIME_PAYLOAD_UNWRITABLE`; ConfigError
 *   `OPTION_INVALID`; UnavailableError `REALTIME_ROOM_BUSY`.
 */
export function publishTo(
  rooms: Rooms,
  { topic, event, payload, private: isPrivate }: OutgoingMessage,
  history?: History,
): void | Promise<void> {
  assertPlace({ topic, private: isPrivate })
  assertGiven('event', event)
  const message = { topic, event, payload: payloadText(payload), private: isPrivate }
  if (!hasRoomFor(rooms, [message])) {
    rooms.runtime.counters.countRefused(ROOM_BUSY.code)
    throw new UnavailableError('[msc/realtime] Too many messages wait in this room.', {
      code: 'REALTIME_ROOM_BUSY',
      hint: 'Publish it again in a second, or publish less: the members can not follow.',
    })
  }
  if (!history?.keeps(topic, isPrivate)) return broadcast(rooms, message)
  if (typeof message.payload !== 'string') throw unwritable('A topic that is kept carries no bytes.')
  const published = history.publish([message]).then(() => undefined)
  // Whoever does not wait for it must not end the process by it.
  published.catch((error: unknown) => rooms.runtime.report(error, 'keep a message', { topic }))
  return published
}

/** Where what the database says goes. */
interface FeedPorts {
  readonly rooms: Rooms
  readonly departures: Departures
  readonly history: History | undefined
  readonly gaps: Pick<Gaps, 'inRoom' | 'atOnce'>
}

/**
 * Before anything else is told: whoever heard of a later message would take it for news of everything before it. Among what is gone
 * may be that a reader was taken out, so nobody stays in a feed unasked.
 */
function tellMissed(departures: Departures, gaps: Pick<Gaps, 'atOnce'>): void {
  departures.askAll()
  gaps.atOnce()
}

/** Hands on what the database says. One message that can't be said is reported, and costs no other. */
export function publishFeed({ rooms, departures, history, gaps }: FeedPorts, message: FeedMessage): void {
  if (message.kind === 'access') return void rooms.runtime.attempt('send away', () => departures.take(message))
  if (message.kind === 'missed') return tellMissed(departures, gaps)
  const { id, at, by, cursor, topic, event, json, bytes, kind, action, private: isPrivate } = message
  const handOnKept = (kept: Broadcast, from?: From): void => {
    if (!broadcastKept(rooms, kept, from)) gaps.inRoom(topic, isPrivate)
  }
  const said = { event, payload: bytes ?? json, private: isPrivate }
  const isKept = history?.isOfFeeds === true && !bytes && history.keeps(topic, isPrivate)
  if (kind === 'action') {
    if (!isKept || cursor === undefined || !action) return
    const told = toldOf({ topic, private: isPrivate, value: json }, actionMeta({ id, at, by, cursor }, action, json))
    return history.withSender(message, id, () => handOnKept(told))
  }
  if (isKept && kind === 'row' && cursor !== undefined) {
    const meta = { id, at, cursor, ...(by !== undefined && { by }) }
    return history.withSender(message, id, (from) => handOnKept({ topic, ...said, meta }, from))
  }
  // A channel's, that is too large to be told live.
  if (kind === 'more' && !isFeedTopic(topic)) return gaps.inRoom(topic, isPrivate)
  rooms.runtime.attempt('hand on a feed', () => {
    if (kind !== 'emptied') return broadcastFeed(rooms, { id, topic, ...said })
    for (const each of rooms.topicsFrom(topic, isPrivate)) broadcastFeed(rooms, { topic: each, ...said })
  })
  if ((kind !== 'row' && !message.outline) || !isFeedTopic(topic)) return
  rooms.runtime.attempt('hand on a change', () => rooms.changes.publish(message))
}
