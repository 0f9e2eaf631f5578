import { deadline } from '@msc/core'
import type { Claims } from '../entrance/claims.ts'
import type { Membership } from '../rooms/rooms.ts'
import type { Runtime } from '../runtime.ts'

export type TopicAction = 'read' | 'write' | 'presence'

export interface TopicQuestion {
  readonly claims: Claims
  readonly topic: string
  readonly action: TopicAction
}

/**
 * Says whether the holder of these claims may do this on a private topic. A rejection lets nobody in either; it is told to the
 * client as something that may pass, to be tried again.
 */
export type Authorize = (question: TopicQuestion, signal: AbortSignal) => boolean | Promise<boolean>
/** `unavailable`: nobody could say, so it is refused for now. */
export type Permission = 'allowed' | 'denied' | 'unavailable'
export type Ask = (question: TopicQuestion) => Promise<Permission>

/** Milliseconds for an answer. Shorter than what a client waits for its own. */
const PATIENCE_MS = 5000

/** Asks the policies so that they always answer: who fails or takes too long could not say, and a token that has expired is denied. */
export function askInTime(authorize: Authorize, { clock, report }: Runtime): Ask {
  return async (question) => {
    // A token may have expired since it was checked.
    if (question.claims.exp * 1000 <= clock.now()) return 'denied'
    try {
      const isAllowed = await deadline((signal) => authorize(question, signal), {
        operation: '[msc/realtime] authorize',
        timeoutMs: PATIENCE_MS,
        clock,
        report: (error) => report(error, 'abort authorize', { action: question.action }),
      })
      return isAllowed ? 'allowed' : 'denied'
    } catch (error) {
      report(error, 'authorize', { action: question.action })
      return 'unavailable'
    }
  }
}

/**
 * Asks once what a member may do with its token, as Supabase does: a message a second must not be a transaction a second. A
 * no is asked again.
 */
export async function memberMay(
  member: Membership,
  action: TopicAction,
  { ask, runtime }: { readonly ask: Ask; readonly runtime: Runtime },
): Promise<Permission> {
  const { claims, topic } = member
  // It is about to be sent away, from public topics too.
  if (claims.exp * 1000 <= runtime.clock.now()) return 'denied'
  if (!member.private || member.granted?.has(action)) return 'allowed'
  const permission = await ask({ claims, topic, action })
  if (permission !== 'allowed') return permission
  // Not what a token allowed that is another one by now.
  if (member.claims === claims) (member.granted ??= new Set()).add(action)
  return 'allowed'
}
