import type { MessageMeta } from '../base/message.ts'

/** What is said of a message that is kept, by whichever server. */
export interface SaidOfMessage {
  readonly id: string
  /** ISO 8601. */
  readonly at: string
  /** Who wrote it: the `sub` of their token. Absent for what the application publishes. */
  readonly by?: string | undefined
}

/** What a server says of a message that it keeps, as it travels beside the payload. */
export interface KeptMeta extends SaidOfMessage {
  /** The message's position: see `feed/position.ts`. */
  readonly cursor: string
}

/** How many messages a channel begins with. */
export type Rewind = number | { readonly messages?: number; readonly ms?: number }

export interface HistoryWish {
  /** Messages at most. Default 100, which a server may cut. */
  readonly limit?: number | undefined
  /** The id of a message: only what came before it. */
  readonly before?: string | undefined
  /** Only what came in the last milliseconds. */
  readonly ms?: number | undefined
}

export interface HistoryMessage {
  readonly event: string
  readonly payload: unknown
  readonly meta: MessageMeta
}

export interface HistoryPage {
  /** Oldest first. For the page before it, pass the `meta.id` of the first one as `before`. */
  readonly messages: readonly HistoryMessage[]
  /** There are older ones. */
  readonly more: boolean
}
