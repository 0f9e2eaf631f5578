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

/** Says whether the holder of these claims may do this on a private topic. A rejection counts as no. */
export type Authorize = (question: TopicQuestion, signal: AbortSignal) => boolean | Promise<boolean>
export type Ask = (question: TopicQuestion) => Promise<boolean>

/** Milliseconds for an answer. Shorter than what a client waits for its own. */
const PATIENCE_MS = 5000

/** Asks the policies so that they always answer: one that fails or takes too long, and a token that has expired, is a no. */
export function askInTime(authorize: Authorize, { clock, report }: Runtime): Ask {
  return async (question) => {
    // A token may have expired since it was checked.
    if (question.claims.exp * 1000 <= clock.now()) return false
    try {
      return await deadline((signal) => authorize(question, signal), {
        operation: '[msc/realtime] authorize',
        timeoutMs: PATIENCE_MS,
        clock,
        report: (error) => report(error, 'abort authorize', { action: question.action }),
      })
    } catch (error) {
      report(error, 'authorize', { action: question.action })
      return false
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
): Promise<boolean> {
  const { claims, topic } = member
  if (!member.private) return true
  if (member.granted?.has(action) && claims.exp * 1000 > runtime.clock.now()) return true
  if (!(await ask({ claims, topic, action }))) return false
  // Not what a token allowed that is another one by now.
  if (member.claims === claims) (member.granted ??= new Set()).add(action)
  return true
}
