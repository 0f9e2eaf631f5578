import type { Clock, DriverError } from '@msc/core'
import type { MessageMeta } from '../base/message.ts'
import type { Stamp, Stamped } from '../base/stamp.ts'
import type { Handler, Member } from '../client/members.ts'
import type { Membership } from '../client/membership.ts'
import type { RawChannel } from '../client/raw-channel.ts'
import type { Topic } from '../client/topic.ts'
import type { ChannelOptions } from '../create-realtime.ts'
import type { Subscription } from '../driver.ts'
import type { FeedPage } from '../feed/page.ts'
import { isFeed } from '../feed/feed-inbox.ts'
import { alongPage, besides, isCursor, isWithinPages, Position } from '../feed/position.ts'
import { assertAmounts } from './amounts.ts'
import { isDeleted, metaOf } from './meta.ts'
import { isOwn } from './own.ts'
import { isAction, tellAction } from './tell-action.ts'

/** Live messages that wait for the ones before them; with more than that, the beginning is given up and a gap told. */
const MAX_HELD = 10_000
/** Messages of the beginning that are known by their ids: the latest of them. */
const MAX_IDS = 1000
/** Tries to read the beginning over a connection that is there, before live messages go on without it. */
const MAX_TRIES = 5

type Wanted = { readonly [Name in 'rewind' | 'from']?: ChannelOptions[Name] | undefined }

/** What a subscriber has heard of its beginning. */
interface Beginning {
  /** Its position until the beginning is over. Messages that are read first have followed by themselves. */
  told: string | undefined
  isOver: boolean
  /** Messages of it that this membership of the topic has not heard yet, by their own cursors. */
  ahead: readonly string[]
  of?: Membership
  /** Where it ended that had nothing. */
  end?: string | undefined
}

/**
 * Gives a channel its position, and the beginning that it asks for: the latest messages or what came after a position, then
 * what came live meanwhile. A subscriber has a beginning of its own, however long the topic has been live for others.
 *
 * @param tell Tells the subscriber something, in its turn.
 * @param early What the topic has heard since there is this subscriber.
 */
export function openHistory(
  topic: Topic,
  member: Member,
  channel: RawChannel,
  asked: Wanted,
  tell: Member['tell'],
  early: readonly Parameters<Member['tell']>[],
): void {
  const wanted = { from: asked.from, rewind: validRewind(topic, asked.rewind) }
  const beginning: Beginning = { told: wanted.from, isOver: !(wanted.rewind || wanted.from), ahead: [] }
  const position = (): string | undefined => furthest(topic, beginning)
  const onGap = (): void => topic.membership.inbox?.told()
  if (topic.membership.state === 'connected') onGap()
  hearFirst(member, ['onGap', onGap])
  const heard = member.read ? followReading(topic, member, wanted.from, position, beginning) : position
  // The topic may be further than a channel whose beginning is still to come.
  let last: readonly [position: string | undefined] | undefined
  const get = (): string | undefined => (last ? last[0] : beginning.isOver ? heard() : beginning.told)
  const { leave } = channel
  channel.leave = () => {
    // What the topic hears for others it has not heard.
    last ??= [get()]
    leave()
  }
  Object.defineProperty(channel, 'position', { get, enumerable: true })
  if (beginning.isOver) {
    member.tell = tell
    for (const message of early) tell(...message)
  } else void begin(topic, member, wanted, beginning, tell, early).then(() => (beginning.isOver = true))
}

/** Before the application, which may ask where it is. */
function hearFirst({ hears }: Member, ...own: readonly Handler[]): void {
  const others = [...hears]
  hears.clear()
  for (const each of [...own, ...others]) hears.add(each)
}

/** Where the topic is, and past what the beginning had before the topic heard of it. */
function furthest({ membership }: Topic, beginning: Beginning): string | undefined {
  const { position } = Object(membership.inbox) as { readonly position?: string }
  if (beginning.of !== membership || beginning.ahead.length === 0) return position
  const reached = position === undefined || isWithinPages(position) ? undefined : Position.of(position)
  if (!reached) return position
  beginning.ahead = beginning.ahead.filter((own) => reached.take(own) === 'new')
  return String(reached)
}

/** One that is no number of messages is said to be none, and begins with nothing. */
function validRewind({ options, membership }: Topic, rewind: Wanted['rewind']): Wanted['rewind'] {
  if (!rewind) return undefined
  try {
    const { messages, ms } = typeof rewind === 'number' ? { messages: rewind } : rewind
    assertAmounts(options.refusal, { 'rewind.messages': messages, 'rewind.ms': ms })
    return rewind
  } catch (error) {
    membership.report(error)
    return undefined
  }
}

/** What a subscriber with schemas has heard of one membership. */
interface Reading {
  readonly own: Membership
  /** Messages that are being read. */
  pending: number
  told: string | undefined
}

/**
 * How far a subscriber with schemas has heard: what is still being read for it has not been told yet, and would be missing if
 * it left now and went on from behind that. What was told to another user says nothing of this one's.
 *
 * @param from Where it begins.
 */
function followReading(
  topic: Topic,
  member: Member,
  from: string | undefined,
  position: () => string | undefined,
  beginning: Beginning,
): () => string | undefined {
  let reading: Reading | undefined
  const now = (): Reading => {
    if (reading?.own !== topic.membership)
      reading = { own: topic.membership, pending: 0, told: beginning.isOver ? position() : from }
    return reading
  }
  const onLive = (): void => {
    const its = now()
    // What is still being read came behind that.
    if (beginning.isOver) its.told ??= its.pending === 0 ? position() : its.own.inbox?.caughtUp
  }
  const tellOf = (place: string | undefined): void => {
    if (place === undefined) return
    const its = now()
    const reached = its.told === undefined || isWithinPages(its.told) ? undefined : Position.of(its.told)
    // Its own place alone says nothing of what was told before it and is of a later transaction.
    its.told = !reached || reached.take(place) === 'other' ? place : String(reached)
  }
  let { reading: last } = member
  const follow = (next: Promise<unknown>): void => {
    const its = now()
    const settle = (): void => void (its.pending -= 1)
    last = next
    its.pending += 1
    next.then(settle, settle)
  }
  follow(last)
  Object.defineProperty(member, 'reading', { get: () => last, set: follow })
  topic.membership.live.then(onLive, () => undefined)
  const own: readonly Handler[] = [
    ['message', (_payload: unknown, _event: unknown, meta?: MessageMeta) => tellOf(meta?.position), '*'],
    ['onAction', (action: { readonly position: string }) => tellOf(action.position)],
    ['onReady', (isReady: boolean) => isReady && onLive()],
  ]
  hearFirst(member, ...own)
  return () => {
    const { own: membership, pending, told } = now()
    if (pending === 0) return position()
    return told ?? (beginning.of === membership ? beginning.end : undefined)
  }
}

/** Where a message is: what the server says of it goes before what is in its payload, where a feed's rows have it. */
const placeOf = ({ options }: Topic, meta: MessageMeta | undefined, stamp: Stamp): unknown =>
  meta?.position ?? (isFeed(options) ? stamp.cursor : undefined)

/** Never rejects. */
async function begin(
  topic: Topic,
  member: Member,
  wanted: Wanted,
  beginning: Beginning,
  tell: Member['tell'],
  early: readonly Parameters<Member['tell']>[],
): Promise<void> {
  const { clock, retryMs, callAll, createInbox, name, user } = topic.options
  let held: (readonly [tellIt: () => unknown, at: unknown, id: string | undefined])[] = []
  let isFull = false
  let missing = false
  /** Where the beginning ends; of each history, where it was replaced by another meanwhile. */
  let ends: Position[] = []
  let ids: ReadonlySet<string> = new Set()

  /** What the beginning had already, as the server, or the tab that has sent it, may hand it on a moment later. */
  const isKnown = (at: unknown, id: string | undefined): boolean => {
    // What another tab of this browser has sent has no position.
    if (!isCursor(at)) return id !== undefined && ids.has(id)
    for (const end of ends) {
      const taken = end.take(at)
      if (taken !== 'other') return taken === 'known'
    }
    const next = Position.of(at)
    if (ends.length > 0 && next) ends.push(next)
    return false
  }
  /** Whoever goes on hears nothing of their own, as if they had stayed; the latest messages are everybody's. */
  const isPassed = (event: string, payload: unknown, meta: MessageMeta | undefined): boolean =>
    wanted.from !== undefined && isOwn(user, event, payload, meta)
  /** With something missing it stays: whoever leaves before that is told has to hear of it when they go on, and of no message twice. */
  const reach = (at: string | undefined, message: unknown): void => {
    if (member.read) return
    if (!missing && !isFull) beginning.told = at ?? beginning.told
    else if (beginning.told !== undefined && isCursor(message)) beginning.told = besides(beginning.told, message)
  }
  const hold: Member['tell'] = (...message) => {
    const [, , , , , meta, stamp] = message
    if (held.length < MAX_HELD) held.push([() => tell(...message), placeOf(topic, meta, stamp), meta?.id])
    else isFull = true
  }
  for (const message of early) hold(...message)
  member.tell = hold

  for (let attempt = 0; attempt < MAX_TRIES && topic.members.has(member);) {
    const own = topic.membership
    const { live } = own
    try {
      const subscription = await live
      const pages = await own.inTime('rewind', (signal) => readBeginning(subscription, wanted, signal))
      // It has left meanwhile.
      if (!topic.members.has(member)) return
      // Another user's.
      if (topic.membership !== own) {
        held = []
        continue
      }
      missing = pages.some(({ gap }) => gap)
      ends = pages.reduce<Position[]>((before, { cursor }) => {
        const end = Position.of(cursor)
        return end ? [...before.filter((each) => !each.isOf(cursor)), end] : before
      }, [])
      ids = latestIds(pages)
      member.tell = tell
      const handOn = createInbox([member], own.signal, name)
      const heard: string[] = []
      let before = wanted.from
      for (const { events, cursor } of pages) {
        const follow = alongPage(before, cursor)
        before = cursor
        for (const { event, payload, meta } of events) {
          // A deletion has no payload.
          const { _msc } = Object(payload) as Stamped
          const at = placeOf(topic, metaOf(meta), Object(_msc) as Stamp)
          if (isCursor(at)) heard.push(at)
          reach(follow(at), at)
          if (isAction(meta)) tellAction([member], own.signal, callAll, payload, meta)
          // Nobody is shown what is there no more; `history` says that it was.
          else if (!isDeleted(meta) && !isPassed(event, payload, metaOf(meta)))
            handOn(event, payload, true, metaOf(meta))
        }
      }
      const known = Position.of(own.inbox?.position)
      beginning.of = own
      if (heard.length === 0 && !missing) beginning.end = pages.at(-1)?.cursor
      beginning.ahead = heard.filter((each) => known?.take(each) === 'new')
      break
    } catch (error) {
      if (!topic.members.has(member)) return
      if (topic.membership !== own) held = []
      else if (own.state === 'closed') return
      // The connection was lost, which is no answer: the next one is asked.
      else if (own.live === live) {
        missing = true
        own.report(error)
        // A server that is asked too often says when to come back.
        const waitMs = Math.max(
          retryMs(attempt++, undefined),
          Number((error as Partial<DriverError>).retryAfterMs) || 0,
        )
        await own.inTime('rewind', (signal) => pause(clock, waitMs, signal)).catch(() => undefined)
      }
    }
  }
  const waited = held
  member.tell = (...message) => {
    const [, , , , , meta, stamp] = message
    if (!isKnown(placeOf(topic, meta, stamp), meta?.id)) tell(...message)
  }
  if (!topic.members.has(member) || topic.membership.signal.aborted) return
  for (const [tellIt, at, id] of waited) {
    if (isKnown(at, id)) continue
    reach(ends.length > 0 ? String(ends.at(-1)) : undefined, at)
    tellIt()
  }
  if (missing || isFull) callAll([member], 'onGap')
}

function latestIds(pages: readonly FeedPage[]): ReadonlySet<string> {
  const metas = pages.flatMap(({ events }) => events.map(({ meta }) => metaOf(meta)))
  return new Set(metas.slice(-MAX_IDS).flatMap((meta) => (meta ? [meta.id] : [])))
}

/** Ends early with the signal, and leaves no timer then. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.setTimeout(resolve, ms)
    const stop = (): void => {
      cancel()
      resolve()
    }
    signal.addEventListener('abort', stop, { once: true })
  })
}

/** All pages after a position, or one with the latest messages. */
async function readBeginning(
  subscription: Subscription,
  { rewind, from }: Wanted,
  signal: AbortSignal,
): Promise<FeedPage[]> {
  const pages: FeedPage[] = []
  if (from === undefined) {
    const { messages = 1000, ms } = typeof rewind === 'number' ? { messages: rewind } : (rewind ?? {})
    const page = await subscription.since?.(undefined, signal, { limit: messages, ms })
    return page ? [page] : []
  }
  let cursor: string | undefined = isCursor(from) ? from : undefined
  // What can't be gone on from may have been missed.
  if (cursor === undefined) pages.push({ events: [], cursor: '', gap: true, more: false })
  for (let more = true; more;) {
    const page: FeedPage | undefined = await subscription.since?.(cursor, signal)
    pages.push(page ?? { events: [], cursor: '', gap: true, more: false })
    cursor = page?.cursor
    more = page?.more ?? false
  }
  return pages
}
