import { isFeedTopic } from '../session/context.ts'
import type { FeedSource } from '../../feed/source.ts'
import type { History } from '../history/history.ts'
import { eventBlock } from '../wire/event-block.ts'
import { unstampedText } from '../wire/stamp-text.ts'

/** An event of a page of history, as it is written into a stream. */
interface PlainEvent {
  readonly block: string
  /** The row in the outbox. */
  readonly row?: string
  /** The event's own position. */
  readonly cursor?: string
}

interface PlainPage {
  readonly gap: boolean
  readonly more: boolean
  readonly cursor: string
  readonly events: readonly PlainEvent[]
}

/** A topic of a stream that has a history. */
export interface KeptTopic {
  readonly topic: string
  readonly private: boolean
  since(after: string | undefined): Promise<PlainPage>
  /** The latest messages, with which the stream begins. Where that is wanted. */
  latest?(): Promise<PlainPage>
}

const PAGE = 500

/** How the topics of a stream are read that have a history: feeds, and channels that are kept. The others have none. */
export function keptTopics(
  topics: readonly string[],
  isPrivate: (topic: string) => boolean,
  rewind: number | undefined,
  {
    feeds,
    history,
    inTurn,
  }: { readonly feeds: FeedSource | undefined; readonly history?: History | undefined; readonly inTurn: InTurn },
): readonly KeptTopic[] {
  const all = topics.flatMap((topic): readonly KeptTopic[] => {
    if (isFeedTopic(topic)) return feeds ? [feedTopic(topic, feeds)] : []
    return history?.keeps(topic, isPrivate(topic)) ? [channelTopic(topic, isPrivate(topic), rewind, history)] : []
  })
  return all.map(({ since, latest, ...each }) => ({
    ...each,
    since: (after) => inTurn(() => since(after)),
    ...(latest && { latest: () => inTurn(latest) }),
  }))
}

export type InTurn = <T>(read: () => Promise<T>) => Promise<T>

/** So many of all streams may read at a time: after a gap all of them do, and what is asked at once is late for all. */
const READ_AT_ONCE = 8

export function createTurns(): InTurn {
  let reading = 0
  const waiting: (() => void)[] = []
  return async (read) => {
    if (reading >= READ_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else reading += 1
    try {
      return await read()
    } finally {
      // The next one takes its place.
      const next = waiting.shift()
      if (next) next()
      else reading -= 1
    }
  }
}

function feedTopic(topic: string, feeds: FeedSource): KeptTopic {
  return {
    topic,
    private: true,
    async since(after) {
      const page = await feeds.since(topic, after, PAGE)
      const events = page.events.map(({ event, body, row }) => ({ block: eventBlock(topic, event, body), row }))
      return { ...page, events }
    },
  }
}

function channelTopic(topic: string, isPrivate: boolean, rewind: number | undefined, history: History): KeptTopic {
  const plain = (page: Awaited<ReturnType<History['since']>>): PlainPage => ({
    ...page,
    events: page.events.flatMap(({ event, json, meta }) => {
      if (!meta || ('deleted' in meta && meta.deleted)) return []
      const { cursor, id } = meta
      const block = eventBlock(topic, event, unstampedText(json).text, meta)
      return [{ block, cursor, ...(history.isOfFeeds && { row: id.slice(1) }) }]
    }),
  })
  return {
    topic,
    private: isPrivate,
    since: async (after) => plain(await history.since(topic, isPrivate, after)),
    ...(rewind !== undefined && {
      latest: async () => plain(await history.latest(topic, isPrivate, { limit: rewind })),
    }),
  }
}
