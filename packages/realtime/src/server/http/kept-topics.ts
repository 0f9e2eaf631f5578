import { isFeedTopic } from '../session/context.ts'
import type { FeedPageJson } from '../../feed/page.ts'
import type { FeedSource } from '../../feed/source.ts'
import type { History } from '../history/history.ts'
import { eventBlock } from '../wire/event-block.ts'
import { unstampedText } from '../wire/stamp-text.ts'
import type { Turns } from './turns.ts'

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
  /** Both are `undefined` where nobody wants it any more when it is its turn. */
  since(after: string | undefined, isWanted: () => boolean): Promise<PlainPage | undefined>
  /** The latest messages, with which the stream begins. Where that is wanted. */
  latest?(isWanted: () => boolean): Promise<PlainPage | undefined>
}

interface Kept {
  readonly feeds: FeedSource | undefined
  readonly history?: History | undefined
  readonly turns: Turns
}

const PAGE = 500

/** How the topics of a stream are read that have a history: feeds, and channels that are kept. The others have none. */
export function keptTopics(
  topics: readonly string[],
  isPrivate: (topic: string) => boolean,
  rewind: number | undefined,
  { feeds, history, turns }: Kept,
): readonly KeptTopic[] {
  return topics.flatMap((topic): readonly KeptTopic[] => {
    if (isFeedTopic(topic)) return feeds ? [feedTopic(topic, feeds, turns)] : []
    const ofPrivate = isPrivate(topic)
    return history?.keeps(topic, ofPrivate) ? [channelTopic(topic, ofPrivate, rewind, history, turns)] : []
  })
}

function feedTopic(topic: string, feeds: FeedSource, turns: Turns): KeptTopic {
  return {
    topic,
    private: true,
    async since(after, isWanted) {
      const page = await turns.read(isWanted, (ask) => feeds.since(topic, after, PAGE, ask))
      if (!page) return undefined
      const events = page.events.map(({ event, body, row }) => ({ block: eventBlock(topic, event, body), row }))
      return { ...page, events }
    },
  }
}

function channelTopic(
  topic: string,
  isPrivate: boolean,
  rewind: number | undefined,
  history: History,
  turns: Turns,
): KeptTopic {
  const plain = (page: FeedPageJson): PlainPage => ({
    ...page,
    events: page.events.flatMap(({ event, json, meta }) => {
      if (!meta || ('deleted' in meta && meta.deleted)) return []
      const { cursor, id } = meta
      const block = eventBlock(topic, event, unstampedText(json).text, meta)
      return [{ block, cursor, ...(history.isOfFeeds && { row: id.slice(1) }) }]
    }),
  })
  const read = async (isWanted: () => boolean, page: () => Promise<FeedPageJson>): Promise<PlainPage | undefined> => {
    const found = await turns.read(isWanted, page)
    return found && plain(found)
  }
  return {
    topic,
    private: isPrivate,
    since: (after, isWanted) => read(isWanted, () => history.since(topic, isPrivate, after)),
    ...(rewind !== undefined && {
      latest: (isWanted) => read(isWanted, () => history.latest(topic, isPrivate, { limit: rewind })),
    }),
  }
}
