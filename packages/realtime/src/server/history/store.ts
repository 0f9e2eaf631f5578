import type { KeptMeta } from '../../history/types.ts'
import type { HistoryStats } from '../operate/stats.ts'
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
   * Keeps all of these, in their order, or none. Resolves when they are kept for good, as far as the store goes.
   *
   * @returns What is said of each, or, where the store hands the messages on by itself, their ids alone.
   */
  append(messages: readonly NewMessage[]): Promise<readonly (KeptMeta | { readonly id: string })[]>
  /** What came after a cursor, oldest first; without one, where the topic is now. */
  since(topic: string, isPrivate: boolean, after: string | undefined, max: number): Promise<FeedPageJson>
  /** The latest messages, oldest first. `more`: there are older ones. `cursor`: where the topic is now. */
  latest(topic: string, isPrivate: boolean, wish: LatestWish): Promise<FeedPageJson>
  /** What it holds in this process; absent where that is nothing. */
  stats?(): HistoryStats
  close(): void
}
