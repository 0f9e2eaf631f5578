import { ConfigError, UnavailableError, ValidationError } from '@msc/core'
import { assertPlace } from '../base/name.ts'
import { payloadText, unwritable } from '../base/payload-text.ts'
import type { MessageActionName } from '../history/types.ts'
import { parseAction } from './history/actions.ts'
import type { History } from './history/history.ts'
import { hasRoomFor } from './rooms/broadcast.ts'
import type { Rooms } from './rooms/rooms.ts'
import { FULL_TEXT, UNKNOWN_TEXT } from './session/act.ts'
import { ROOM_BUSY } from './session/refusal.ts'

/** Something that the application does to a message that is kept. */
export interface ServerAction {
  readonly topic: string
  readonly private: boolean
  /** Of the message. */
  readonly id: string
  readonly action: MessageActionName
  /** Of an update: any JSON. */
  readonly payload?: unknown
  /** Of a reaction. */
  readonly name?: string
  /** In whose name, as the `sub` of tokens has it. A reaction is somebody's. */
  readonly by?: string
}

/**
 * Does what the application says to a message, whatever the rule of its topic is. Resolves once it is kept; nothing happens where
 * it was so already.
 *
 * @throws ValidationError `REALTIME_ACTION_INVALID`, `REALTIME_PAYLOAD_UNWRITABLE`, `REALTIME_MESSAGE_UNKNOWN`, `REALTIME_MESSAGE_FULL`;
 *   ConfigError `REALTIME_NOT_KEPT`; UnavailableError `REALTIME_ROOM_BUSY`; what the database rejects with.
 */
export async function actFor(rooms: Rooms, history: History | undefined, given: ServerAction): Promise<void> {
  const { topic, private: isPrivate, action, payload, by } = given
  assertPlace(given)
  if (!history?.keeps(topic, isPrivate)) throw notKept(topic)
  if (action === 'update' && typeof payloadText(payload) !== 'string') throw unwritable('An update carries no bytes.')
  const wish = parseAction({ ...given })
  if (typeof wish === 'string') throw invalid(wish, 'REALTIME_ACTION_INVALID')
  const isReaction = action === 'react' || action === 'unreact'
  if (isReaction && !by) throw invalid('A reaction is somebody’s: pass `by`', 'REALTIME_ACTION_INVALID')
  const place = { topic, private: isPrivate, target: wish.id, value: wish.value }
  if (!hasRoomFor(rooms, [{ topic, private: isPrivate, event: '', payload: wish.value }])) {
    rooms.runtime.counters.countRefused(ROOM_BUSY.code)
    throw new UnavailableError('[msc/realtime] Too many messages wait in this room.', {
      code: 'REALTIME_ROOM_BUSY',
      hint: 'Try it again in a second: the members can not follow.',
    })
  }
  const outcome = await history.act({ ...place, action: wish.action, by })
  if (outcome === 'unknown') throw invalid(UNKNOWN_TEXT, 'REALTIME_MESSAGE_UNKNOWN')
  if (outcome === 'full') throw invalid(FULL_TEXT, 'REALTIME_MESSAGE_FULL')
}

function invalid(message: string, code: string): ValidationError {
  return new ValidationError(`[msc/realtime] ${message}.`, [{ path: 'action', message }], {
    code,
    hint: 'Pass the `id` that the message has in the history of this very topic, and an action with what it needs.',
  })
}

export function notKept(topic: string): ConfigError {
  return new ConfigError(`[msc/realtime] Nothing of ${topic} is kept.`, {
    code: 'REALTIME_NOT_KEPT',
    hint: 'Name the topic in `history` of the server, as private or public as the messages are.',
  })
}
