import { createHash } from 'node:crypto'
import { isRecord } from '@msc/core'
import { fullBucket, perSecond, spend, waitFor } from '../admission/bucket.ts'
import { memberMay } from '../policies/permissions.ts'
import { broadcast, hasRoomFor } from '../rooms/broadcast.ts'
import { lingeringOf, othersIn, stateText, track, untrack } from '../rooms/presence.ts'
import type { Claims } from '../entrance/claims.ts'
import type { Connection } from '../entrance/connection.ts'
import type { Membership } from '../rooms/rooms.ts'
import type { Answer, Once } from '../rooms/taken.ts'
import { fitsName, NAME_RULE } from '../../base/name.ts'
import type { SessionContext } from './context.ts'
import { restoreNumbers, toWrite, type SentFrame } from '../wire/exact.ts'
import { isOwn, ownKey } from './presence-key.ts'
import {
  limited,
  refusal,
  refusalSaying,
  ROOM_BUSY,
  ROOM_BUSY_MS,
  UNASKED,
  UNAVAILABLE,
  type Refused,
} from './refusal.ts'
import { UNSTORABLE_TEXTS, whyUnstorable } from '../history/unstorable.ts'
import { refuse, reply } from './reply.ts'

export async function onBroadcast(
  membership: Membership,
  frame: SentFrame,
  payload: Record<string, unknown>,
  context: SessionContext,
): Promise<void> {
  const { connection, topic, claims } = membership
  const { rooms, runtime } = context
  const no = (refused: Refused): void => refuse(connection, frame, refused, runtime)
  const event = payload['event']
  if (typeof event !== 'string' || event === '') {
    return no(refusalSaying('PAYLOAD_INVALID', 'A broadcast needs an event'))
  }
  if (!fitsName(event)) return no(refusal('PAYLOAD_INVALID', `event too long: ${NAME_RULE}`))
  // What is no object is handed on as it is, as Supabase does.
  const said = payload['payload'] === undefined ? {} : payload['payload']
  const content = said instanceof Uint8Array ? said : textOf(toWrite(frame, 'payload', said))
  if (content === undefined) return no(NOT_JSON)
  const may = await memberMay(membership, 'write', context)
  if (may === 'unavailable') return no(UNASKED)
  if (may === 'denied') {
    return no(refusal('FORBIDDEN', `You do not have permissions to write to this Channel topic: ${topic}`))
  }
  // Its session may have been ended, or it sent away, while the policies were asked.
  if (!isStill(membership, frame)) return
  const acknowledge = (answer: Answer, isEchoed?: boolean): void => {
    if (membership.ack) reply(connection, frame, 'ok', isEchoed ? { ...answer, echo: true } : answer)
  }
  const from = { connection, echo: content instanceof Uint8Array ? undefined : echoOf(payload) }
  const isEchoed = from.echo !== undefined
  const once = onceOf(membership, claims, event, said)
  // One that its account sends again because the answer was lost has the answer of the first, also where that is still to come.
  for (let known = once && rooms.taken.find(once); known; known = once && rooms.taken.find(once)) {
    const answer = await known
    if (!isStill(membership, frame)) return
    if (answer) return acknowledge(answer)
  }
  const message = { topic, event, payload: content, private: membership.private, once }
  if (!hasRoomFor(rooms, [message])) return no(ROOM_BUSY)
  if (!context.history?.keeps(topic, membership.private)) {
    broadcast(rooms, message, from)
    if (once) rooms.taken.add(once, {})
    return acknowledge({}, isEchoed)
  }
  if (typeof content !== 'string') return no(refusal('PAYLOAD_INVALID', 'A topic that is kept carries no bytes'))
  try {
    const published = context.history.publish([message], { from, by: claims.sub }).then(([said]) => ({ ...said }))
    if (once) rooms.taken.add(once, published)
    acknowledge(await published, isEchoed)
  } catch (error) {
    const why = whyUnstorable(error)
    if (why) return no(refusal(why, UNSTORABLE_TEXTS[why]))
    runtime.report(error, 'keep a message', { topic })
    no({ ...UNAVAILABLE, reason: 'Unavailable: The message can not be kept now' })
  }
}

export async function onPresence(
  membership: Membership,
  frame: SentFrame,
  payload: Record<string, unknown>,
  context: SessionContext,
): Promise<void> {
  const { connection, topic, claims } = membership
  const { rooms, runtime, limits } = context
  const no = (refused: Refused): void => refuse(connection, frame, refused, runtime)
  if (payload['event'] === 'untrack') {
    untrack(membership, rooms)
    return reply(connection, frame, 'ok', {})
  }
  if (payload['event'] !== 'track') return no(refusalSaying('PAYLOAD_INVALID', 'Unknown presence event'))
  const state = textOf(
    toWrite(frame, 'payload', payload['payload']),
    isRecord(payload['payload']) ? stateText : () => '{}',
  )
  if (state === undefined) return no(NOT_JSON)
  if (Buffer.byteLength(state) > limits.presenceBytes) {
    return no(refusal('PAYLOAD_TOO_LARGE', `A presence state has at most ${limits.presenceBytes} bytes`))
  }
  const tooMany = takeChange(connection, context)
  if (tooMany) return no(tooMany)
  const may = await memberMay(membership, 'presence', context)
  if (may === 'unavailable') return no(UNASKED)
  if (may === 'denied') {
    return no(refusal('FORBIDDEN', `You do not have permissions to track presence on this Channel topic: ${topic}`))
  }
  if (!isStill(membership, frame)) return
  const { enabled, key } = membership.presence
  const replaced = isOwn(key, claims, context.presenceKey) ? lingeringOf(membership, rooms) : undefined
  const others = othersIn(membership, rooms, replaced)
  // All of it is sent to whoever comes, in one message, which must not make them a slow consumer.
  const isFull = others.members >= limits.presencePerRoom || others.bytes + state.length > limits.presenceRoomBytes
  if (isFull) return no(refusal('ROOM_BUSY', 'Too many are present in this room', ROOM_BUSY_MS))
  if (key === '') membership.presence = { enabled, key: ownKey(claims, context.presenceKey) }
  track(membership, state, rooms, replaced)
  reply(connection, frame, 'ok', {})
}

/** The name under which its sender wants to hear a message, if it does. */
function echoOf({ echo }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof echo === 'string' && echo.length <= 64 ? echo : undefined
}

/**
 * As what a message may come again, to any server; `undefined` for one that does not. With the event: whoever sends a payload on may
 * have left the stamp in it.
 */
function onceOf(
  { topic, private: isPrivate }: Membership,
  { sub }: Claims,
  event: string,
  said: unknown,
): Once | undefined {
  const stamp = isRecord(said) ? said['_msc'] : undefined
  if (!isRecord(stamp) || stamp['kept'] !== true || !sub) return undefined
  const id = stamp['id']
  if (typeof id !== 'string' || id.length > 64) return undefined
  return [hashOf(sub), hashOf(JSON.stringify([sub, isPrivate, topic, event, id]))]
}

/** Of one length, and nobody's name: other servers and the database have it. */
const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

const NOT_JSON = refusal('PAYLOAD_INVALID', 'JSON can not carry it')

/** The connection is there, and in the topic by this very membership. */
export function isStill(membership: Membership, frame: SentFrame): boolean {
  const { connection } = membership
  return !connection.gone && !connection.ending && connection.memberships.get(frame.topic) === membership
}

/**
 * The text that everybody will get. It is made while the sender can still be told that there is none; nothing that a client
 * sent is encoded later.
 */
function textOf<T>(value: T, encode: (value: never) => string | undefined = JSON.stringify): string | undefined {
  try {
    const text = encode(value as never)
    return text === undefined ? undefined : restoreNumbers(text)
  } catch {
    return undefined
  }
}

/** A change of presence of one connection, and of its account: each is told to the whole room. */
function takeChange(connection: Connection, { limits, runtime }: SessionContext): Refused | undefined {
  const rate = perSecond(limits.presencePerSecond)
  const now = runtime.clock.monotonic()
  const bucket = (connection.presenceChanges ??= fullBucket(rate, now))
  const waitMs = waitFor(bucket, rate, 1, now)
  if (waitMs > 0) return refusal('RATE_LIMITED', 'Too many changes of presence of one connection', waitMs)
  const found = connection.place.take({ presencePerSecond: 1 })
  if (found) return limited(found)
  spend(bucket, 1)
  return undefined
}
