import { safely } from '../base/safely.ts'
import { traced } from '../base/traced.ts'
import type { MessageMeta } from '../base/message.ts'
import type { Stamp } from '../base/stamp.ts'

/** What a subscriber may hear. */
type Kind = 'message' | 'onPresence' | 'onAction' | 'onGap' | 'onError' | 'onReady' | 'onOccupancy'
export type Handler = readonly [kind: Kind, handler: (...args: never[]) => void, event?: string]

/** Tells a subscriber something, in its turn: see {@link tell}. `meta` and `stamp` say where it is among the messages. */
type Tell = (
  member: Member,
  signal: AbortSignal,
  handOn: (value: unknown) => void,
  value: unknown,
  read: (() => Promise<unknown>) | undefined,
  meta: MessageMeta | undefined,
  stamp: Stamp,
) => void

/** One subscriber of a topic, with what it wants to hear. */
export interface Member {
  readonly presenceKey: string | undefined
  readonly hears: Set<Handler>
  /** Reads a payload, before this subscriber sees it; rejects for one that it must not see. */
  readonly read: ((event: string, payload: unknown, ...more: unknown[]) => Promise<unknown>) | undefined
  readonly onInvalid: (error: unknown) => void
  /** Messages of the user of now that are being read, in order. */
  reading: Promise<unknown>
  /** Keeps some back while a beginning is awaited. */
  tell: Tell
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

/**
 * Tells a subscriber something, in its turn.
 *
 * @param signal Of the membership by which it came: what is still being read as that ends is told nobody.
 * @param read Reads it before, where the subscriber has schemas.
 */
export const tell: Tell = (member, signal, handOn, value, read) => {
  const hand = (given: unknown): unknown => signal.aborted || handOn(given)
  if (read)
    member.reading = member.reading
      .then(() => signal.aborted || read())
      .then(traced(hand), (error: unknown) => signal.aborted || member.onInvalid(error))
  else hand(value)
}
