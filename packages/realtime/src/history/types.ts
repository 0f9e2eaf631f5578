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
export interface KeptMeta extends SaidOfMessage, MessageState {
  /** The message's position: see `feed/position.ts`. */
  readonly cursor: string
}

/** What has become of a message since it was written. Only where it is read out of the history as it is now. */
export interface MessageState {
  /** Of the edit that its payload is of, or of its deletion. A later one is greater, as text. */
  readonly version?: string | undefined
  /** When it was edited, ISO 8601. */
  readonly editedAt?: string | undefined
  /** Then it has no payload. */
  readonly deleted?: true | undefined
  readonly reactions?: Reactions | undefined
}

/** By name. */
export type Reactions = Readonly<
  Record<
    string,
    {
      /** Users. */
      readonly total: number
      /** The first 20 of them, by the `sub` of their tokens. */
      readonly by: readonly string[]
    }
  >
>

export type MessageActionName = 'update' | 'delete' | 'react' | 'unreact'

/** Something that was done to a message. */
export interface SaidOfAction extends SaidOfMessage {
  readonly action: MessageActionName
  /** The id of the message. */
  readonly target: string
  /** The event that the message was sent as. */
  readonly event: string
  /** A later one is greater, as text: of two edits of a message it is the one that counts. */
  readonly version: string
  /** Of a reaction. */
  readonly name?: string | undefined
}

/** The same as it travels to a member, beside the payload of an update. */
export interface ActionMeta extends SaidOfAction {
  readonly cursor: string
}

/** The event under which actions come to members, who know them by their `meta`: a client can send messages of this event. */
export const ACTION_EVENT = 'msc_action'

/** Something to be done to a message. */
export interface ActionRequest {
  readonly id: string
  readonly action: MessageActionName
  readonly payload?: unknown
  readonly name?: string
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
  /** Only the message with this id. */
  readonly id?: string | undefined
}

export interface HistoryMessage {
  readonly event: string
  /** As it is now; absent of a message that is deleted. */
  readonly payload?: unknown
  readonly deleted?: true
  readonly meta: MessageMeta
}

export interface HistoryPage {
  /** Oldest first. For the page before it, pass the `meta.id` of the first one as `before`. */
  readonly messages: readonly HistoryMessage[]
  /** There are older ones. */
  readonly more: boolean
}
