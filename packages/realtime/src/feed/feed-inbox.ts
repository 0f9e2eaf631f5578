import type { Payload } from '../base/message.ts'
import type { Subscription } from '../driver.ts'
import type { HandOn } from '../client/inbox.ts'
import type { Stamped } from '../base/stamp.ts'
import type { InTime } from '../base/in-time.ts'
import { isCursor, laterCursor } from './cursor.ts'

/** The messages of a feed: what was missed comes before what is new. */
export interface FeedInbox {
  /** What comes has to wait, until `catchUp` is done. */
  hold(): void
  /** False when everything has to be fetched anew: it was too large to be sent, or too much came before its turn. */
  receive(event: string, payload: Payload): boolean
  /**
   * All that came after the last message, and then what has come meanwhile; at first, where the feed is now.
   *
   * @returns Whether something is missing for good: history is gone, or nobody keeps one.
   */
  catchUp(subscription: Pick<Subscription, 'since'>, inTime: InTime): Promise<boolean>
}

/** Messages that may wait until what came before them is known. */
const MAX_EARLY = 10_000

/** Loaded with the first feed. What the page has loaded already is passed in. */
export function createFeedInbox(deliver: HandOn): FeedInbox {
  let cursor: string | undefined
  let early: (readonly [event: string, payload: Payload])[] | undefined

  const handOn = (event: string, payload: Payload): void => {
    const at = deliver(event, payload)?.cursor
    if (isCursor(at)) cursor = laterCursor(cursor, at)
  }

  return {
    hold() {
      early = []
    },
    receive(event, payload) {
      // By its type alone: a function that is called from here as well would be a file of its own, which a page loads first.
      if ((payload as Stamped)._msc?.more === true) return false
      if (!early) handOn(event, payload)
      else if (early.length < MAX_EARLY) early.push([event, payload])
      else return false
      return true
    },
    async catchUp(subscription, inTime) {
      const since = subscription.since?.bind(subscription)
      let missing = since === undefined
      for (let more = since !== undefined; more;) {
        const page = await inTime('history', async (signal) => since?.(cursor, signal))
        if (!page || page.gap) missing = true
        for (const { event, payload } of page?.events ?? []) handOn(event, payload)
        cursor = page?.cursor
        more = page?.more ?? false
      }
      const waited = early ?? []
      early = undefined
      for (const [event, payload] of waited) handOn(event, payload)
      return missing
    },
  }
}
