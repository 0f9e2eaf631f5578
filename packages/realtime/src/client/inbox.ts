import { createSeen } from '../base/seen.ts'
import { unstamped, type Stamp } from '../base/stamp.ts'

/** Takes the stamp off a message, delivers it and returns the stamp; `undefined` for one that was here before. */
export type HandOn = (event: string, raw: unknown) => Stamp | undefined

/** The messages of one topic, each once among the last `remembered`. */
export function createInbox(
  remembered: number,
  deliver: (event: string, payload: unknown, traceparent: string | undefined) => void,
): HandOn {
  const seen = createSeen(remembered)
  return (event, raw) => {
    const { stamp, payload } = unstamped(raw)
    if (stamp.id !== undefined && !seen.add(stamp.id)) return undefined
    deliver(event, payload, stamp.traceparent)
    return stamp
  }
}
