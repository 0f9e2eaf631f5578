import type { Payload } from '../base/message.ts'
import type { Subscription } from '../driver.ts'
import type { HandOn } from '../client/inbox.ts'
import type { Stamped } from '../base/stamp.ts'
import type { InTime } from '../base/in-time.ts'
import { Position, isCursor } from './position.ts'

/** The messages of a feed: what was missed comes before what is new. */
export interface FeedInbox {
  /** What comes has to wait, until `catchUp` is done. */
  hold(): void
  /**
   * False when everything has to be fetched anew: it was too large to be sent, too much came before its turn, or it is of another
   * history.
   */
  receive(event: string, payload: Payload): boolean
  /**
   * All that came after the last message, and then what has come meanwhile; at first, where the feed is now. When it fails, it
   * goes on from where it came to.
   *
   * @returns Whether something is missing for good: history is gone, or nobody keeps one.
   */
  catchUp(subscription: Pick<Subscription, 'since'>, inTime: InTime): Promise<boolean>
}

/** Messages that may wait until what came before them is known. */
const MAX_EARLY = 10_000

/** Loaded with the first feed. What the page has loaded already is passed in. */
export function createFeedInbox(deliver: HandOn): FeedInbox {
  /** What was heard, once all of the history was; until then `cursor` says how far it was read. */
  let position: Position | undefined
  let cursor: string | undefined
  let early: (readonly [event: string, payload: Payload])[] | undefined

  /** False for what is of another history. */
  const handOn = (event: string, payload: Payload): boolean => {
    const own = (payload as Stamped)._msc?.cursor
    if (!isCursor(own)) {
      deliver(event, payload)
      return true
    }
    const taken = position?.take(own) ?? 'new'
    position ??= Position.of(own)
    if (taken === 'new') deliver(event, payload, true)
    return taken !== 'other'
  }

  /** What comes after something that is still to be fetched has to wait, or the position would pass it. */
  const hold = (): false => {
    early = []
    return false
  }

  return {
    hold,
    receive(event, payload) {
      // By its type alone: a function that is called from here as well would be a file of its own, which a page loads first.
      if ((payload as Stamped)._msc?.more === true) return hold()
      if (!early) return handOn(event, payload) || hold()
      if (early.length >= MAX_EARLY) return false
      early.push([event, payload])
      return true
    },
    async catchUp(subscription, inTime) {
      const since = subscription.since?.bind(subscription)
      if (position) cursor = String(position)
      position = undefined
      let missing = since === undefined
      for (let more = since !== undefined; more;) {
        const page = await inTime('history', async (signal) => since?.(cursor, signal))
        if (!page || page.gap) missing = true
        // Of a cursor that is not ours nobody knows whether it tells twice.
        const isExact = isCursor(page?.cursor)
        for (const { event, payload } of page?.events ?? []) deliver(event, payload, isExact)
        // The position of before is passed with the page, all of which has been handed on.
        cursor = page?.cursor
        more = page?.more ?? false
      }
      position = Position.of(cursor)
      const waited = early ?? []
      early = undefined
      for (const [event, payload] of waited) if (!handOn(event, payload)) missing = true
      return missing
    },
  }
}
