import type { MessageActionName, Reactions } from '../history/types.ts'

export type Payload = Readonly<Record<string, unknown>>
/** What can be sent: any JSON, with values of an `interface` or a class; a `Uint8Array` where the driver carries bytes. */
export type Sendable = object | string | number | boolean | null
/** What the server says of a message that it keeps. */
export interface MessageMeta {
  /** By which `channel.history` names it. */
  readonly id: string
  /** When the server took it, ISO 8601. */
  readonly at: string
  /** Who wrote it: the `sub` of their token, in the server's word. Absent for what the application publishes. */
  readonly by?: string
  /**
   * Where the message is in its topic: `channel(topic, { from: position })` goes on after it. Absent for what another tab of this
   * browser has just sent, where the server is of a version that does not say it to that.
   */
  readonly position?: string
  /** Of the edit that the payload is of; see `MessageAction`. Only of what is read out of the history. */
  readonly version?: string
  /** When it was edited, ISO 8601. Only of what is read out of the history. */
  readonly editedAt?: string
  /** Who has reacted to it. Only of what is read out of the history. */
  readonly reactions?: Reactions
}
/** Something that was done to a message that the server keeps. */
export interface MessageAction<Data = Payload> {
  /** Of the message. */
  readonly id: string
  readonly action: MessageActionName
  /** Of an update: what the message carries from now on. */
  readonly payload?: Data
  /** Of a reaction. */
  readonly name?: string
  /** Who did it: the `sub` of their token, in the server's word. Absent for what the application does. */
  readonly by?: string
  /** ISO 8601. */
  readonly at: string
  /** A later action has a greater one, as text: an edit counts when it is greater than the `version` that the message has. */
  readonly version: string
  readonly position: string
}
/** `meta` is there on channels with a history. */
export type MessageHandler<Data = Payload> = (payload: Data, event: string, meta?: MessageMeta) => void
