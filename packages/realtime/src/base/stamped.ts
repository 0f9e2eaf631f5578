import type * as Core from '@msc/core'
import { isRaw } from './exact-json.ts'
import type { Payload } from './message.ts'
import type { Stamp } from './stamp.ts'

/** What the page has loaded already: a page that only listens does not stamp. */
export type StampTools = Pick<typeof Core, 'carrier' | 'randomHex'>

export const newStamp = ({ carrier, randomHex }: StampTools): Stamp & { readonly id: string } => ({
  id: randomHex(12),
  traceparent: carrier().traceparent,
})

/**
 * Puts a stamp on what JSON writes as an object; anything else stays as it is, since a spread would mangle it. Default: with
 * an id of its own, and the trace that goes on here.
 */
export function stamped(payload: unknown, tools: StampTools, stamp: Stamp = newStamp(tools)): unknown {
  return {}.toString.call(payload) === '[object Object]' && !isRaw(payload)
    ? { ...(payload as Payload), _msc: stamp }
    : payload
}
