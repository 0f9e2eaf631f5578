import { metaOf } from '../history/meta.ts'
import { isOwn } from '../history/own.ts'
import { isAction, tellAction } from '../history/tell-action.ts'
import type { MessageMeta } from '../base/message.ts'
import type { Audience } from '../client/membership.ts'
import type { Subscription } from '../driver.ts'
import type { HandOn } from '../client/inbox.ts'
import type { Stamped } from '../base/stamp.ts'
import type { InTime } from '../base/in-time.ts'
import { alongPage, Position, isCursor } from './position.ts'

/** The messages of a feed: what was missed comes before what is new. */
export interface FeedInbox {
  /** What comes has to wait, until `catchUp` is done. */
  hold(): void
  /**
   * False when everything has to be fetched anew: it was too large to be sent, too much came before its turn, or it is of another
   * history. Then it takes nothing before it is held again.
   */
  receive(event: string, payload: unknown, meta?: unknown): boolean
  /** A message of this client's own, which it does not hear. */
  sent(id: string): void
  /** How far it has heard, and up to where nothing is missing that has yet to be told; `undefined` before that is known. */
  readonly position: string | undefined
  /** It has been told that something is missing. */
  told(): void
  /** Where the last catch-up came to, before what had come meanwhile was handed on. */
  readonly caughtUp: string | undefined
  /**
   * All that came after the last message, and then what has come meanwhile; at first, where the feed is now. When it fails, it
   * goes on from where it came to.
   *
   * @returns Whether something is missing for good: history is gone, or nobody keeps one.
   */
  catchUp(subscription: Pick<Subscription, 'since'>, inTime: InTime): Promise<boolean>
}

/** Own messages that are known when the history has them. */
const MAX_SENT = 5000
/** Messages that may wait until what came before them is known. */
const MAX_EARLY = 10_000

/**
 * Does the database alone write into it? Then what a row says of itself in its stamp is true; in any other topic a client can say
 * the same, and only what the server says beside the payload counts. (`feed:` as in `feed-topic.ts`, which a page loads first.)
 */
export const isFeed = ({ name, private: isPrivate }: Pick<Audience['options'], 'name' | 'private'>): boolean =>
  isPrivate && name.startsWith('feed:')

/**
 * Loaded with the first feed. What the page has loaded already is passed in.
 *
 * @param isLate The topic was live before without it, so that something is missing.
 * @param topic Whom to tell what is done to messages.
 * @param signal Of the membership that it is of.
 */
export function createFeedInbox(
  deliver: HandOn,
  isLate?: boolean,
  topic?: Pick<Audience, 'members' | 'options'>,
  signal: AbortSignal = new AbortController().signal,
): FeedInbox {
  /** What was heard, once all of the history was; until then `cursor` says how far it was read. */
  let position: Position | undefined
  let cursor: string | undefined
  let caughtUp: string | undefined
  let early: (readonly [event: string, payload: unknown, meta: unknown])[] | undefined
  let unknown = isLate === true
  /** Where it was before what is missing, until that is told: whoever goes on from here hears of it. */
  let owed: string | undefined
  const believes = !topic || isFeed(topic.options)
  const stampOf = (payload: unknown): Stamped['_msc'] => (believes ? (Object(payload) as Stamped)._msc : undefined)
  const sentIds = new Set<string>()
  const isKnown = (id: string): boolean => {
    if (sentIds.has(id)) return true
    sentIds.add(id)
    if (sentIds.size > MAX_SENT) for (const oldest of sentIds) return sentIds.delete(oldest) && false
    return false
  }

  const isMine = (event: string, payload: unknown, meta: MessageMeta): boolean =>
    sentIds.has(meta.id) || isOwn(topic?.options.user, event, payload, meta)

  const tell = (payload: unknown, raw: unknown): void => {
    if (topic) tellAction(topic.members, signal, topic.options.callAll, payload, raw)
  }

  /** False for what is of another history. */
  const handOn = (event: string, payload: unknown, raw: unknown): boolean => {
    const meta = metaOf(raw)
    // A row says in its stamp where it is. What is said of a message that is kept goes before what its sender wrote.
    const own: unknown = meta?.position ?? stampOf(payload)?.cursor
    const isEcho = (Object(raw) as { readonly echo?: unknown }).echo !== undefined
    if (!isCursor(own)) {
      if (isEcho) return true
      // A feed carries rows, whatever else comes. What another tab sent has an id alone: the history has it too.
      if (!meta) deliver(event, payload ?? {})
      else if (!isKnown(meta.id)) deliver(event, payload, false, meta)
      return true
    }
    const taken = position?.take(own) ?? 'new'
    position ??= Position.of(own)
    if (taken === 'new') {
      if (isAction(raw)) tell(payload, raw)
      else if (!isEcho && !(meta && isMine(event, payload, meta))) deliver(event, payload, true, meta)
    }
    return taken !== 'other'
  }

  /** What comes after something that is still to be fetched is fetched with it, or the position would pass it. */
  let isBehind = false
  const refuse = (): false => {
    isBehind = true
    return false
  }

  return {
    hold() {
      early = []
      isBehind = false
    },
    get position() {
      return owed ?? (position ? String(position) : cursor)
    },
    told() {
      owed = undefined
    },
    get caughtUp() {
      return caughtUp
    },
    sent: isKnown,
    receive(event, payload, meta) {
      // By its type alone: a function that is called from here as well would be a file of its own, which a page loads first.
      // What is kept has a position, and says nothing else.
      const { more } = Object(meta) as { readonly more?: unknown }
      if (metaOf(meta)?.position === undefined && (more ?? stampOf(payload)?.more) === true) return refuse()
      if (isBehind) return false
      if (!early) return handOn(event, payload, meta) || refuse()
      if (early.length >= MAX_EARLY) return refuse()
      early.push([event, payload, meta])
      return true
    },
    async catchUp(subscription, inTime) {
      const since = subscription.since?.bind(subscription)
      if (position) cursor = String(position)
      position = undefined
      let missing = since === undefined || unknown
      const read = new Set<string>()
      for (let more = since !== undefined; more;) {
        const page = await inTime('history', async (signal) => since?.(cursor, signal))
        if (!page || page.gap) missing = true
        if (page?.gap) {
          // Also where the next page can't be had: what comes then is asked for behind this one.
          unknown = true
          owed ??= cursor
        }
        // Of a cursor that is not ours nobody knows whether it tells twice.
        const isExact = isCursor(page?.cursor)
        const reach = alongPage(page?.gap ? undefined : cursor, page?.cursor ?? '')
        for (const { event, payload, meta: raw } of page?.events ?? []) {
          const meta = metaOf(raw)
          // Whoever leaves in a handler of it goes on from there.
          cursor = reach(meta?.position ?? stampOf(payload)?.cursor)
          if (isAction(raw)) tell(payload, raw)
          else if (!meta || !isMine(event, payload, meta)) deliver(event, payload, isExact, meta)
          if (meta) read.add(meta.id)
        }
        // All of the page has been handed on, also what has no place of its own.
        cursor = page?.cursor
        more = page?.more ?? false
      }
      position = Position.of(cursor)
      caughtUp = cursor
      const waited = early ?? []
      early = undefined
      for (const message of waited) {
        // What another tab has sent may have come without a place of its own.
        const said = metaOf(message[2])
        if (said && said.position === undefined && read.has(said.id)) isKnown(said.id)
        else if (!handOn(...message)) missing = true
      }
      unknown = false
      return missing
    },
  }
}
