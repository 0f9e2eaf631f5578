import type { ActionMeta, KeptMeta } from '../../history/types.ts'

/**
 * A message as a server-sent event; of a channel that is kept with what is said of it, by which it can be named. What was done to one
 * is an event of another kind, `action`, which nobody hears who does not know of it.
 *
 * @param text The payload's JSON, without its stamp.
 */
export function eventBlock(topic: string, event: string, text: string, meta?: KeptMeta | ActionMeta): string {
  if (!meta) return block({ topic, event }, text)
  const { cursor: _cursor, ...said } = meta
  if (!('action' in said)) return block({ topic, event }, text, `,"meta":${JSON.stringify(said)}`)
  const { id: _own, target: id, event: _event, ...rest } = said
  const action = { topic, id, ...rest }
  return `event: action\n${said.action === 'update' ? block(action, text) : `data: ${JSON.stringify(action)}\n\n`}`
}

function block(fields: object, payload: string, more = ''): string {
  return `data: ${JSON.stringify(fields).slice(0, -1)},"payload":${payload}${more}}\n\n`
}
