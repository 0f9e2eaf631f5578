import type { MessageAction } from '../base/message.ts'
import type { callAll, Member } from '../client/members.ts'
import { metaOf, withoutStamp } from './meta.ts'
import type { MessageActionName } from './types.ts'

/** Is it of something that was done to a message? Only a server says so. */
export const isAction = (raw: unknown): boolean =>
  typeof (Object(raw) as { readonly action?: unknown }).action === 'string'

/** What a server said of an action, as the application sees it; `undefined` for what is something else. */
function actionOf(raw: unknown, payload: unknown): MessageAction<unknown> | undefined {
  const { action, target, version, name } = Object(raw) as Readonly<Record<string, unknown>>
  const said = metaOf(raw)
  if (!said || typeof action !== 'string' || typeof target !== 'string' || typeof version !== 'string') return undefined
  return {
    id: target,
    action: action as MessageActionName,
    ...(action === 'update' && { payload: withoutStamp(payload) }),
    ...(typeof name === 'string' && { name }),
    ...(said.by !== undefined && { by: said.by }),
    at: said.at,
    version,
    position: said.position ?? '',
  }
}

/**
 * Tells subscribers what was done to a message, in its place among the messages. A payload is as the schema of its event reads it.
 *
 * @param signal Of the membership by which it came.
 */
export function tellAction(
  members: Iterable<Member>,
  signal: AbortSignal,
  call: typeof callAll,
  payload: unknown,
  raw: unknown,
): void {
  const action = actionOf(raw, payload)
  if (!action || signal.aborted) return
  const { event } = raw as { readonly event?: unknown }
  // Over a copy: one that takes itself off and on again hears an action once.
  // oxlint-disable-next-line unicorn/no-useless-spread -- it changes meanwhile
  for (const member of [...members]) {
    const { read } = member
    const handOn = (told: unknown): void => call([member], 'onAction', told)
    const readAction = async (): Promise<unknown> =>
      read && action.action === 'update' ? { ...action, payload: await read(String(event), action.payload) } : action
    member.tell(member, signal, handOn, action, read && readAction, metaOf(raw), {})
  }
}
