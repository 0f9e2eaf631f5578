import { deadline } from '@msc/core'
import type { MessageActionName } from '../../history/types.ts'
import type { Claims } from '../entrance/claims.ts'
import type { Permission } from '../policies/permissions.ts'
import type { Runtime } from '../runtime.ts'

/** What somebody wants to do to a message that is kept. They have an account, and may write to its topic. */
export interface ActionQuestion {
  readonly claims: Claims
  readonly topic: string
  readonly private: boolean
  readonly action: MessageActionName
  /** Of the message. */
  readonly id: string
  /** The `sub` of who wrote the message; `undefined` for what the application published. */
  readonly author: string | undefined
}

/**
 * Who may do something to messages. `none`: nobody. `author`: who wrote a message may edit and delete it, and everybody may react,
 * for themselves. A function says so for each: a rejection, and no answer within 5 s, allow nothing, and the client may try again.
 */
export type ActionsRule =
  | 'none'
  | 'author'
  | ((asked: ActionQuestion, signal: AbortSignal) => boolean | Promise<boolean>)

/** Milliseconds for an answer. Shorter than what a client waits for its own. */
const PATIENCE_MS = 5000
/** UTF-8 bytes of a reaction's name. */
const MAX_REACTION_BYTES = 64
const ACTIONS: ReadonlySet<unknown> = new Set<MessageActionName>(['update', 'delete', 'react', 'unreact'])

/** What is to be done to which message. */
export interface ActionWish {
  readonly id: string
  readonly action: MessageActionName
  /** JSON: the payload of an update, the name of a reaction, else `null`. */
  readonly value: string
}

/** Reads what somebody wants to do. @returns What is wrong with it, as a text, where something is. */
export function parseAction(given: Readonly<Record<string, unknown>>): ActionWish | string {
  const { id, action, payload, name } = given
  if (typeof id !== 'string' || id === '' || id.length > 64) return 'An action needs the id of a message'
  if (!ACTIONS.has(action)) return 'No such action'
  const wish = { id, action: action as MessageActionName }
  if (action === 'delete') return { ...wish, value: 'null' }
  if (action === 'update') {
    const value = payload instanceof Uint8Array ? undefined : jsonOf(payload)
    return value === undefined ? 'An update needs a payload that JSON can carry' : { ...wish, value }
  }
  if (
    typeof name !== 'string' ||
    name === '' ||
    Buffer.byteLength(name) > MAX_REACTION_BYTES ||
    /\p{Surrogate}/u.test(name)
  ) {
    return `A reaction has a name of at most ${MAX_REACTION_BYTES} bytes`
  }
  return { ...wish, value: JSON.stringify(name) }
}

function jsonOf(payload: unknown): string | undefined {
  try {
    return JSON.stringify(payload) as string | undefined
  } catch {
    return undefined
  }
}

/** Says whether the rule of a topic allows it. Never rejects: a function that fails or takes too long could not say. */
export async function mayAct(
  rule: ActionsRule | undefined,
  asked: ActionQuestion,
  { clock, report }: Runtime,
): Promise<Permission> {
  const { claims, action, author } = asked
  if (rule === undefined || rule === 'none' || claims.sub === undefined) return 'denied'
  if (rule === 'author') {
    return action === 'react' || action === 'unreact' || claims.sub === author ? 'allowed' : 'denied'
  }
  // A token may have expired since it was checked.
  if (claims.exp * 1000 <= clock.now()) return 'denied'
  try {
    const answer = await deadline(async (signal) => rule(asked, signal), {
      operation: '[msc/realtime] actions',
      timeoutMs: PATIENCE_MS,
      clock,
      report: (error) => report(error, 'abort actions', { action }),
    })
    return answer === true ? 'allowed' : 'denied'
  } catch (error) {
    report(error, 'ask who may act', { action })
    return 'unavailable'
  }
}
