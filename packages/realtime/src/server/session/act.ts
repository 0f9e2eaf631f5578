import { ACTION_EVENT } from '../../history/types.ts'
import { mayAct, parseAction } from '../history/actions.ts'
import type { History } from '../history/history.ts'
import { UNSTORABLE_TEXTS, whyUnstorable } from '../history/unstorable.ts'
import { restoreNumbers, toWrite, type SentFrame } from '../wire/exact.ts'
import { memberMay } from '../policies/permissions.ts'
import { hasRoomFor } from '../rooms/broadcast.ts'
import type { Membership } from '../rooms/rooms.ts'
import type { SessionContext } from './context.ts'
import { isStill } from './messages.ts'
import { refusal, ROOM_BUSY, UNASKED, UNAVAILABLE, type Refused } from './refusal.ts'
import { refuse, reply } from './reply.ts'

export const UNKNOWN_TEXT = 'There is no such message in this topic, or no more'
export const FULL_TEXT = 'The message has as many reactions, or changes, as it may have'

/** Ours, not Supabase's: edits or deletes a message that is kept, or reacts to it. Answered once that is kept. */
export async function onAct(
  membership: Membership,
  frame: SentFrame,
  payload: Record<string, unknown>,
  context: SessionContext,
): Promise<void> {
  const { history, runtime } = context
  const { connection, topic } = membership
  const kept = history?.keeps(topic, membership.private) ? history : undefined
  let refused: Refused | undefined
  try {
    refused = kept
      ? await act(membership, frame, payload, kept, context)
      : refusal('MESSAGE_UNKNOWN', 'Nothing of this topic is kept')
  } catch (error) {
    const why = whyUnstorable(error)
    if (why) refused = refusal(why, UNSTORABLE_TEXTS[why])
    else {
      runtime.report(error, 'act on a message', { topic })
      refused = { ...UNAVAILABLE, reason: 'Unavailable: The history can not keep it now' }
    }
  }
  if (refused) return refuse(connection, frame, refused, runtime)
  if (isStill(membership, frame)) reply(connection, frame, 'ok', {})
}

/** @returns Why not. */
async function act(
  membership: Membership,
  frame: SentFrame,
  payload: Record<string, unknown>,
  history: History,
  context: SessionContext,
): Promise<Refused | undefined> {
  const { topic, private: isPrivate, claims } = membership
  const { sub } = claims
  const wish = parseAction({ ...payload, payload: toWrite(frame, 'payload', payload['payload']) })
  if (typeof wish === 'string') return refusal('PAYLOAD_INVALID', wish)
  const no = refusal('FORBIDDEN', `You do not have permissions to ${wish.action} in this Channel topic: ${topic}`)
  const rule = history.actionsOf(topic, isPrivate)
  if (sub === undefined || rule === 'none') return no
  const mayWrite = await memberMay(membership, 'write', context)
  if (mayWrite !== 'allowed') return mayWrite === 'denied' ? no : UNASKED
  const { id, action } = wish
  const found = await history.find(topic, isPrivate, id)
  if (!found) return refusal('MESSAGE_UNKNOWN', UNKNOWN_TEXT)
  const asked = { claims, topic, private: isPrivate, action, id, author: found.by }
  const may = await mayAct(rule, asked, context.runtime)
  if (may !== 'allowed') return may === 'denied' ? no : UNASKED
  // Its session may have been ended, it sent away, or its token another user's by now.
  if (!isStill(membership, frame) || membership.claims.sub !== sub) return no
  const place = { topic, private: isPrivate, target: id, value: restoreNumbers(wish.value) }
  if (!hasRoomFor(context.rooms, [{ topic, private: isPrivate, event: ACTION_EVENT, payload: wish.value }]))
    return ROOM_BUSY
  const outcome = await history.act({ ...place, action, by: sub, mustBeTold: true })
  if (outcome === 'unknown') return refusal('MESSAGE_UNKNOWN', UNKNOWN_TEXT)
  return outcome === 'full' ? refusal('MESSAGE_FULL', FULL_TEXT) : undefined
}
