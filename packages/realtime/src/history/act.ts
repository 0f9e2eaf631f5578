import type { refusal } from '../base/refusal.ts'
import type { Member } from '../client/members.ts'
import { assertFits } from '../client/outgoing.ts'
import type { Subscription } from '../driver.ts'
import type { MessageActionName } from './types.ts'

/** What the page has loaded already. */
interface ActTools {
  readonly name: string
  readonly refusal: typeof refusal
}

/**
 * Edits or deletes a message, or reacts to it.
 *
 * @param value The payload of an update, the name of a reaction.
 * @throws ConfigError `REALTIME_NO_ACTIONS` where nobody keeps messages that could be changed, `REALTIME_PAYLOAD_TOO_LARGE`;
 *   ValidationError for a payload that the schema of the message's event does not take; what the server refuses it with.
 */
export async function act(
  subscription: Subscription,
  { read }: Pick<Member, 'read'>,
  action: MessageActionName,
  id: string,
  value: unknown,
  { name, refusal: refuse }: ActTools,
  signal: AbortSignal,
): Promise<void> {
  if (!subscription.act) {
    throw refuse(`Messages of ${name} can not be changed.`, 'REALTIME_NO_ACTIONS', {
      hint: 'Only a server of `createRealtimeServer` with a `history` keeps messages that can be edited, deleted and reacted to.',
    })
  }
  if (action === 'update') {
    assertFits(refuse, value, subscription.limits?.messageBytes)
    if (read) {
      // As what it was sent says only the message. One that is not there the server refuses.
      const page = await subscription.since?.(undefined, signal, { limit: 1, id })
      const event = page?.events[0]?.event
      if (event !== undefined) await read(event, value)
    }
    // The user may have changed meanwhile.
    signal.throwIfAborted()
  }
  await subscription.act(
    { id, action, ...(action === 'update' ? { payload: value } : action !== 'delete' && { name: value as string }) },
    signal,
  )
}
