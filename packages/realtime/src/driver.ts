import type { DriverBase } from '@msc/core'
import type { FeedPage } from './feed/page.ts'

/** Who is present, by key; several entries where one key is connected more than once. */
export type PresenceState = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>

export interface SubscribeOptions {
  /** Only those may join whom the server's policies allow. */
  readonly private: boolean
  /** The access token of the user; `undefined` for nobody. */
  readonly token: string | undefined
  /** Who this client is in presence. Without it presence is off. */
  readonly presenceKey?: string | undefined
  /** Does the sender hear its own broadcasts? */
  readonly self: boolean
}

export interface SubscriptionHandlers {
  onMessage(event: string, payload: Readonly<Record<string, unknown>>): void
  /** The whole state, each time it changes. */
  onPresence(state: PresenceState): void
  /**
   * The subscription is lost; nothing more will come of it. Called at most once, never after `leave`.
   *
   * @param spreadMs Over so many milliseconds the server's clients should come back, rather than all at once. 0: there is
   *   no reason to wait.
   */
  onDown(reason: Error, spreadMs?: number): void
}

/** A live subscription. */
export interface Subscription {
  /** What the server said that a message and a tracked state may have, in UTF-8 bytes. Absent where it said nothing. */
  readonly limits?: { readonly messageBytes: number; readonly presenceBytes: number }
  /** Resolves when the server has taken the message. */
  send(event: string, payload: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void>
  track(state: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void>
  untrack(signal: AbortSignal): Promise<void>
  /**
   * What came after a cursor of this topic; without one, where it is now. `undefined` where nothing is kept.
   *
   * @throws DriverError when it can not be had now, or not by this user.
   */
  since?(after: string | undefined, signal: AbortSignal): Promise<FeedPage | undefined>
  /** A newer token for the same user, before the old one expires. */
  setToken(token: string): void
  leave(): Promise<void>
}

export interface OutgoingMessage {
  readonly topic: string
  readonly event: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly private: boolean
}

/** One transport. It connects when the first topic is joined; reconnecting is the engine's business. */
export interface RealtimeDriver extends DriverBase {
  /** Resolves when the server has said that the subscription is live; rejects when it refuses. */
  subscribe(
    topic: string,
    options: SubscribeOptions,
    handlers: SubscriptionHandlers,
    signal: AbortSignal,
  ): Promise<Subscription>
  /** Publishes without a subscription, as servers do: all of them, in order, or an error. Absent where it can't. */
  publish?(messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<void>
}
