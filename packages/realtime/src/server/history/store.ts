import type { ActionMeta, KeptMeta, MessageActionName, SaidOfAction, SaidOfMessage } from '../../history/types.ts'
import type { HistoryStats } from '../operate/stats.ts'
import type { FeedPageJson } from '../../feed/page.ts'
import type { ActionsRule } from './actions.ts'

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
  /** Of one that may come again: the same for all of them, and no other message’s. Of these the first is kept. */
  readonly once?: string | undefined
  /** Refused where it is too large to be told live: of one whose sender can be told so. Where the store knows such a size. */
  readonly mustBeTold?: boolean | undefined
  /** Of one that another server has taken, which has its id already. */
  readonly said?: SaidOfMessage | undefined
}

/** Something to be done to a message, by somebody who may. */
export interface NewAction {
  readonly topic: string
  readonly private: boolean
  /** The id of the message. */
  readonly target: string
  readonly action: MessageActionName
  /** JSON: the payload of an update, the name of a reaction, else `null`. */
  readonly value: string
  readonly by?: string | undefined
  /** As of a message. */
  readonly mustBeTold?: boolean
  readonly keeping: Keeping
}

/** The same of another server, which has kept it. */
export interface HeardAction extends Omit<NewAction, 'target' | 'action' | 'by' | 'mustBeTold'> {
  readonly said: SaidOfAction
}

/**
 * `kept`: it is in the history. `same`: it was so already. `unknown`: there is no such message in the topic, or no more. `full`:
 * the message has as many names of reactions, or actions, as it may have.
 */
export type ActionOutcome = 'kept' | 'same' | 'unknown' | 'full'
/** Names of reactions that a message has at most. */
export const MAX_NAMES = 50
/** Actions of one message, after which it can be deleted, and reactions taken back: reading it costs as much as there are. */
export const MAX_ACTIONS = 10_000

/** What was done, as the store hands it on by itself; or with what members are told of it. */
interface Acted {
  readonly outcome: ActionOutcome
  readonly meta?: ActionMeta
}

/** What is asked before somebody may do something to a message. */
export interface Found {
  readonly event: string
  readonly by: string | undefined
}

export interface LatestWish {
  /** Messages at most. */
  readonly max: number
  /** The id of a message: only what came before it. */
  readonly before?: string | undefined
  /** The id of a message: only that one. */
  readonly id?: string | undefined
  /** Only what came since, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** Only of so many that came last, the deleted ones among them. */
  readonly newest: number
}

/** What a topic is kept for. */
export interface Keeping {
  readonly messages: number
  readonly keepMs: number
  readonly actions?: ActionsRule
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
  /** A message that is neither deleted nor older than its topic is kept for. */
  find(topic: string, isPrivate: boolean, id: string, sinceMs: number): Found | undefined | Promise<Found | undefined>
  /** Does something to a message: checks and writes at once, so that of two who do it each sees what the other has done. */
  act(action: NewAction): Acted | Promise<Acted>
  /**
   * What another server has done; `undefined` where something later was done already. One whose message has not come from its own
   * server yet waits for it. Where the store is not what servers share.
   */
  hear?(action: HeardAction): ActionMeta | undefined
  /** The message with this id has come and was told: now what had to wait for it can be. */
  settle?(id: string): void
  /** Something that other servers have taken is missing here: who was here before can't be told all of it. Where that can be. */
  missed?(): void
  /**
   * What came after a cursor, oldest first, as it was sent, and what was done to messages; without one, where the topic is now.
   * Messages that are deleted are left out.
   */
  since(topic: string, isPrivate: boolean, after: string | undefined, max: number): Promise<FeedPageJson>
  /** The latest messages as they are now, oldest first. `more`: there are older ones. `cursor`: where the topic is now. */
  latest(topic: string, isPrivate: boolean, wish: LatestWish): Promise<FeedPageJson>
  /** What it holds in this process; absent where that is nothing. */
  stats?(): HistoryStats
  close(): void
}
