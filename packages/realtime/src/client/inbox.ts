import { emit, withCarrier } from '@msc/core'
import { createSeen } from '../base/seen.ts'
import { unstamped } from '../base/stamp.ts'
import type { MessageMeta } from '../base/message.ts'
import { callAll, type Member } from './members.ts'

/** Takes the stamp off a message and delivers it, unless it was here before. `isNew`: it is known that it was not. */
export type HandOn = (event: string, raw: unknown, isNew?: boolean, meta?: MessageMeta) => void

/**
 * The messages of one topic, each once among the last 500, for whoever wants them, in the trace of who sent them. An id is that of a
 * message of one event: whoever sends one on as another may have left it in.
 */
export function createInbox(members: Iterable<Member>, signal: AbortSignal, topic: string): HandOn {
  const seen = createSeen(500)
  return (event, raw, isNew, meta) => {
    const { stamp, payload } = unstamped(raw)
    const { id, traceparent } = stamp
    if (signal.aborted || (typeof id === 'string' && !seen.add(`${event} ${id}`) && !isNew)) return
    const run = (): void => {
      emit('realtime.receive', { topic, event })
      // oxlint-disable-next-line unicorn/no-useless-spread -- it changes meanwhile
      for (const member of [...members]) {
        const { read } = member
        member.tell(
          member,
          signal,
          (data) => callAll([member], 'message', data, event, meta),
          payload,
          read && (() => read(event, payload)),
          meta,
          stamp,
        )
      }
    }
    if (traceparent) withCarrier({ traceparent }, run)
    else run()
  }
}
