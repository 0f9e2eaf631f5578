import type { Payload } from '../base/message.ts'
import { createSeen } from '../base/seen.ts'
import type { Stamp, Stamped } from '../base/stamp.ts'

/** Takes the stamp off a message and delivers it, unless it was here before. `isNew`: it is known that it was not. */
export type HandOn = (event: string, raw: Payload, isNew?: boolean) => void

/** The messages of one topic, each once among the last 500. */
export function createInbox(
  deliver: (event: string, payload: Payload, traceparent: string | undefined) => void,
): HandOn {
  const seen = createSeen(500)
  return (event, raw, isNew) => {
    const { _msc: stamp = {} as Stamp, ...payload } = raw as Stamped
    if (isNew || stamp.id === undefined || seen.add(stamp.id)) deliver(event, payload, stamp.traceparent)
  }
}
