import { emit, withCarrier } from '@msc/core'
import { safely } from '../base/safely.ts'
import { traced } from '../base/traced.ts'
import type { MessageMeta } from '../base/message.ts'
import type { Stamp } from '../base/stamp.ts'

/** What a subscriber may hear. */
type Kind = 'message' | 'onPresence' | 'onAction' | 'onGap' | 'onError' | 'onReady' | 'onOccupancy'
export type Handler = readonly [kind: Kind, handler: (...args: never[]) => void, event?: string]

/** One subscriber of a topic, with what it wants to hear. */
export interface Member {
  readonly presenceKey: string | undefined
  readonly hears: Set<Handler>
  /** Reads a payload, before this subscriber sees it; rejects for one that it must not see. */
  readonly read: ((event: string, payload: unknown, ...more: unknown[]) => Promise<unknown>) | undefined
  readonly onInvalid: (error: unknown) => void
  /** Messages that are being read, in order. */
  reading: Promise<void>
  /** Keeps a message back, for good or until `tell` is called. True when it does. */
  hold?: (tell: () => unknown, meta: MessageMeta | undefined, stamp: Stamp) => boolean
}

/** Returns a function that takes it out again. */
export function addTo<T>(set: Set<T>, item: T): () => void {
  set.add(item)
  return () => set.delete(item)
}

/** Calls the handlers of one kind; of messages, those of the event. */
export function callAll(members: Iterable<Member>, kind: Kind, value?: unknown, event?: string, meta?: unknown): void {
  // Over copies: one that takes itself off and on again hears a message once.
  // oxlint-disable-next-line unicorn/no-useless-spread -- it changes meanwhile
  for (const { hears } of [...members])
    // oxlint-disable-next-line unicorn/no-useless-spread -- it changes meanwhile
    for (const each of [...hears]) {
      const [its, handler, wanted] = each
      if (hears.has(each) && its === kind && (wanted === event || wanted === '*'))
        safely(() => handler(value as never, event as never, meta as never))
    }
}

/** Hands a message to whoever wants it, in the trace of who sent it. */
export function deliver(
  members: Iterable<Member>,
  topic: string,
  event: string,
  payload: unknown,
  stamp: Stamp,
  meta?: MessageMeta,
): void {
  const run = (): void => {
    emit('realtime.receive', { topic, event })
    // oxlint-disable-next-line unicorn/no-useless-spread -- it changes meanwhile
    for (const member of [...members]) {
      const { read, onInvalid } = member
      const handOn = (data: unknown): void => callAll([member], 'message', data, event, meta)
      const tell = (): unknown =>
        read
          ? (member.reading = member.reading.then(() => read(event, payload)).then(traced(handOn), onInvalid))
          : handOn(payload)
      if (!member.hold?.(tell, meta, stamp)) tell()
    }
  }
  const { traceparent } = stamp
  if (traceparent) withCarrier({ traceparent }, run)
  else run()
}
