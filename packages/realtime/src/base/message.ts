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
   * browser has just sent.
   */
  readonly position?: string
}
/** `meta` is there on channels with a history. */
export type MessageHandler<Data = Payload> = (payload: Data, event: string, meta?: MessageMeta) => void
