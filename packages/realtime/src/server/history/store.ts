import type { KeptMeta, SaidOfMessage } from '../../history/types.ts'
import type { FeedPageJson } from '../../feed/page.ts'

/** A message that was accepted, and is to be kept. */
export interface NewMessage {
  readonly topic: string
  readonly private: boolean
  readonly event: string
  /** JSON. */
  readonly payload: string
  /** What its topic is kept for. */
  readonly keeping: Keeping
  /** The `sub` of who wrote it. */
  readonly by?: string | undefined
  /** Of one that another server has taken, which has its id already. */
  readonly said?: SaidOfMessage | undefined
}

export interface LatestWish {
  /** Messages at most. */
  readonly max: number
  /** The id of a message: only what came before it. */
  readonly before?: string | undefined
  /** Only what came since, in milliseconds since the epoch. */
  readonly sinceMs: number
}

/** What a topic is kept for. */
export interface Keeping {
  readonly messages: number
  readonly keepMs: number
}

/** Where the messages of channels are kept. A private and a public topic of one name are two. */
export interface HistoryStore {
  /**
   * Keeps all of these, in their order, or none.
   *
   * @returns What is said of each. A store that hands the messages on by itself answers later, once they are kept for good, with
   *   their ids alone.
   */
  append(messages: readonly NewMessage[]): readonly KeptMeta[] | Promise<readonly { readonly id: string }[]>
  /** Something that other servers have taken is missing here: who was here before can't be told all of it. Where that can be. */
  missed?(): void
  /** What came after a cursor, oldest first; without one, where the topic is now. */
  since(topic: string, isPrivate: boolean, after: string | undefined, max: number): Promise<FeedPageJson>
  /** The latest messages, oldest first. `more`: there are older ones. `cursor`: where the topic is now. */
  latest(topic: string, isPrivate: boolean, wish: LatestWish): Promise<FeedPageJson>
  close(): void
}
