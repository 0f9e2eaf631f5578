import { createSeen } from '../base/seen.ts'
import { unstamped, type Stamp } from '../base/stamp.ts'
import type { MessageMeta } from '../base/message.ts'

/** Takes the stamp off a message and delivers it, unless it was here before. `isNew`: it is known that it was not. */
export type HandOn = (event: string, raw: unknown, isNew?: boolean, meta?: MessageMeta) => void

/** The messages of one topic, each once among the last 500: an id is that of a message of one event, or was sent on with it. */
export function createInbox(
  deliver: (event: string, payload: unknown, stamp: Stamp, meta?: MessageMeta) => void,
): HandOn {
  const seen = createSeen(500)
  return (event, raw, isNew, meta) => {
    const { stamp, payload } = unstamped(raw)
    if (!stamp.id || seen.add(event, stamp.id) || isNew) deliver(event, payload, stamp, meta)
  }
}
