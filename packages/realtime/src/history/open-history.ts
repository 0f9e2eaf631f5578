import type { Clock } from '@msc/core'
import type { MessageMeta } from '../base/message.ts'
import type { Member } from '../client/members.ts'
import type { RawChannel } from '../client/raw-channel.ts'
import type { Topic } from '../client/topic.ts'
import type { ChannelOptions } from '../create-realtime.ts'
import type { Subscription } from '../driver.ts'
import type { FeedPage } from '../feed/page.ts'
import { isCursor, Position } from '../feed/position.ts'
import { isDeleted, metaOf } from './meta.ts'
import { isAction, tellAction } from './tell-action.ts'

/** Live messages that wait for the ones before them; with more than that, the beginning is given up and a gap told. */
const MAX_HELD = 10_000
/** Tries to read the beginning, before live messages go on without it. */
const MAX_TRIES = 5

type Wanted = Pick<ChannelOptions, 'rewind' | 'from'>

/**
 * Gives a channel its position, and the beginning that it asks for: the latest messages or what came after a position, then
 * what came live meanwhile. A subscriber has a beginning of its own, however long the topic has been live for others.
 */
export function openHistory(topic: Topic, member: Member, channel: RawChannel, wanted: Wanted): void {
  Object.defineProperty(channel, 'position', { get: () => topic.membership.inbox?.position, enumerable: true })
  if (wanted.rewind || wanted.from) void begin(topic, member, wanted)
}

/** Never rejects. */
async function begin(topic: Topic, member: Member, wanted: Wanted): Promise<void> {
  const { clock, retryMs, callAll } = topic.options
  let held: (readonly [tell: () => unknown, meta: MessageMeta | undefined])[] = []
  let isFull = false
  let missing = false
  let position: Position | undefined
  const handOn = topic.inboxFor([member])

  /** What the beginning had already, as the server may hand it on a moment later. */
  const isKnown = (meta: MessageMeta | undefined): boolean => {
    if (!position || !isCursor(meta?.position)) return false
    const taken = position.take(meta.position)
    if (taken === 'other') position = Position.of(meta.position)
    return taken === 'known'
  }
  member.hold = (tell, meta) => {
    if (held.length < MAX_HELD) held.push([tell, meta])
    else isFull = true
    return true
  }

  for (let attempt = 0; attempt < MAX_TRIES && topic.members.has(member); attempt++) {
    const own = topic.membership
    try {
      const subscription = await own.live
      const pages = await own.inTime('rewind', (signal) => readBeginning(subscription, wanted, signal))
      // Another user's.
      if (topic.membership !== own) {
        held = []
        continue
      }
      missing = pages.some(({ gap }) => gap)
      position = Position.of(pages.at(-1)?.cursor)
      delete member.hold
      for (const { events } of pages) {
        for (const { event, payload, meta } of events) {
          if (isAction(meta)) tellAction([member], callAll, payload, meta)
          // Nobody is shown what is there no more; `history` says that it was.
          else if (!isDeleted(meta)) handOn(event, payload, true, metaOf(meta))
        }
      }
      break
    } catch (error) {
      if (topic.membership !== own) held = []
      else if (own.state === 'closed') return
      else {
        missing = true
        own.report(error)
        await own.inTime('rewind', (signal) => pause(clock, retryMs(attempt, undefined), signal)).catch(() => undefined)
      }
    }
  }
  const waited = held
  member.hold = (_tell, meta) => isKnown(meta)
  if (!topic.members.has(member)) return
  for (const [tell, meta] of waited) if (!isKnown(meta)) tell()
  if (missing || isFull) callAll([member], 'gap')
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
  { since }: Subscription,
  { rewind, from }: Wanted,
  signal: AbortSignal,
): Promise<FeedPage[]> {
  const pages: FeedPage[] = []
  if (from === undefined) {
    const { messages = 1000, ms } = typeof rewind === 'number' ? { messages: rewind } : (rewind ?? {})
    const page = await since?.(undefined, signal, { limit: messages, ms })
    return page ? [page] : []
  }
  let cursor: string | undefined = isCursor(from) ? from : undefined
  // What can't be gone on from may have been missed.
  if (cursor === undefined) pages.push({ events: [], cursor: '', gap: true, more: false })
  for (let more = true; more;) {
    const page: FeedPage | undefined = await since?.(cursor, signal)
    pages.push(page ?? { events: [], cursor: '', gap: true, more: false })
    cursor = page?.cursor
    more = page?.more ?? false
  }
  return pages
}
