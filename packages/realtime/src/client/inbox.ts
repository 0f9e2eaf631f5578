import type { Payload } from '../base/message.ts'
import { createSeen } from '../base/seen.ts'
import type { Stamp, Stamped } from '../base/stamp.ts'

/** Takes the stamp off a message, delivers it and returns the stamp; `undefined` for one that was here before. */
export type HandOn = (event: string, raw: Payload) => Stamp | undefined

/** The messages of one topic, each once among the last `remembered`. */
export function createInbox(
  remembered: number,
  deliver: (event: string, payload: Payload, traceparent: string | undefined) => void,
): HandOn {
  const seen = createSeen(remembered)
  return (event, raw) => {
    const { _msc: stamp = {}, ...payload } = raw as Stamped
    if (stamp.id !== undefined && !seen.add(stamp.id)) return undefined
    deliver(event, payload, stamp.traceparent)
    return stamp
  }
}
