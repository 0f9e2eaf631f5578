import type { Payload } from './create-realtime.ts'
import type { FeedPage } from './feed/page.ts'
import { isCursor, laterCursor } from './feed/page.ts'
import { createSeen } from './seen.ts'

/** What every message carries beside its payload. */
interface Stamp {
  readonly id?: string
  readonly traceparent?: string
  readonly cursor?: unknown
  /** It was too large to be sent, and says only that there is one. */
  readonly more?: boolean
}

export interface InboxOptions {
  /** What was missed is asked for, where the driver can say. */
  readonly feed: boolean
  readonly deliver: (event: string, payload: Payload, traceparent: string | undefined) => void
}

/** The messages of one topic: each once, and what was missed before what comes. */
export interface Inbox {
  /** What comes has to wait, until `catchUp` is done. */
  hold(): void
  /** False when everything has to be fetched anew: it was too large to be sent, or too much came before its turn. */
  receive(event: string, payload: Payload): boolean
  /**
   * All that came after the last message, and then what has come meanwhile; at first, where the feed is now.
   *
   * @returns Whether something is missing for good: history is gone, or nobody keeps one.
   */
  catchUp(since: ((after: string | undefined) => Promise<FeedPage | undefined>) | undefined): Promise<boolean>
}

/** Messages that may wait until what came before them is known. */
const MAX_EARLY = 10_000

export function createInbox({ feed, deliver }: InboxOptions): Inbox {
  const seen = createSeen(feed ? 5000 : 500)
  let cursor: string | undefined
  let early: (readonly [event: string, payload: Payload])[] | undefined

  const handOn = (event: string, raw: Payload): void => {
    const { _msc: stamp, ...payload } = raw as { _msc?: Stamp }
    if (stamp?.id !== undefined && !seen.add(stamp.id)) return
    if (feed && isCursor(stamp?.cursor)) cursor = laterCursor(cursor, stamp.cursor)
    deliver(event, payload, stamp?.traceparent)
  }

  return {
    hold() {
      early = feed ? [] : undefined
    },
    receive(event, payload) {
      if (feed && (payload['_msc'] as Stamp | undefined)?.more === true) return false
      if (!early) handOn(event, payload)
      else if (early.length < MAX_EARLY) early.push([event, payload])
      else return false
      return true
    },
    async catchUp(since) {
      let missing = since === undefined
      for (let more = since !== undefined; more;) {
        const page = await since?.(cursor)
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
