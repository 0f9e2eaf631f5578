import type { DriverBase } from '@msc/core'
import type { FeedPage } from './feed/page.ts'
import type { ActionRequest, HistoryWish } from './history/types.ts'

/** Who is present, by key; several entries where one key is connected more than once. */
export type PresenceState = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>

/** How many are in a topic. */
export interface Occupancy {
  /** Connections. */
  readonly members: number
  /** Accounts; visitors without one are members alone. */
  readonly users: number
}

export interface SubscribeOptions {
  /** Only those may join whom the server's policies allow. */
  readonly private: boolean
  /**
   * The access token of the user. `undefined` for nobody, who is somebody else than the user before: such a join is made with
   * the application's own key, if any, and never with the token of an earlier call.
   */
  readonly token: string | undefined
  /**
   * Names whom the token is of: account, session and role; empty for nobody. Topics of two users never share a connection,
   * since servers know a user by it. Default: the token, where somebody calls a driver without the engine.
   */
  readonly user?: string | undefined
  /** Who this client is in presence. Without it presence is off. */
  readonly presenceKey?: string | undefined
  /** Does the sender hear its own broadcasts? */
  readonly self: boolean
}

export interface SubscriptionHandlers {
  /**
   * The payload as it was sent: any JSON, or a `Uint8Array`.
   *
   * @param meta What the server says of a message that it keeps: `{ id, at, cursor }`; with an `action`, of what was done to one;
   *   with an `echo`, of one that was sent from here. Not to be trusted to be that.
   */
  onMessage(event: string, payload: unknown, meta?: unknown): void
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

/** What the server told of itself at the join: it refuses what is larger. In bytes of the payload's JSON as UTF-8. */
export interface SubscriptionLimits {
  /** Of one message, with the stamp that the engine puts on. */
  readonly messageBytes?: number | undefined
  /** Of one tracked state. */
  readonly presenceBytes?: number | undefined
}

/** A live subscription. */
export interface Subscription {
  /** Absent where the server tells none. */
  readonly limits?: SubscriptionLimits | undefined
  /**
   * Resolves when the server has taken the message: any JSON. With `{ id, at, by }` where the server keeps it.
   *
   * @param echo Asks for the message in its place among those of others, with this name as `echo` in its `meta`; of an empty name
   *   only for the `meta`. The answer then says `echo: true`, where the server can do that.
   *
   * @throws DriverError not `retryable` when it refuses this very message, and would again.
   */
  send(event: string, payload: unknown, signal: AbortSignal, echo?: string): Promise<unknown>
  /** The same for bytes. Absent where it can't carry them. */
  sendBytes?(event: string, payload: Uint8Array, signal: AbortSignal): Promise<unknown>
  /** @throws DriverError not `retryable` when it refuses this very state: the engine does not send it again. */
  track(state: object, signal: AbortSignal): Promise<void>
  untrack(signal: AbortSignal): Promise<void>
  /**
   * What came after a cursor of this topic; without one, where it is now. `undefined` where nothing is kept.
   *
   * @param latest Asks for the latest messages instead; then `more` says that there are older ones. Not for feeds.
   *
   * @throws DriverError when it can not be had now, or not by this user.
   */
  since?(after: string | undefined, signal: AbortSignal, latest?: HistoryWish): Promise<FeedPage | undefined>
  /**
   * Does something to a message that the server keeps. Resolves when that is kept. Absent where it can't.
   *
   * @throws DriverError not `retryable` when it is refused for good.
   */
  act?(action: ActionRequest, signal: AbortSignal): Promise<unknown>
  /**
   * Has the number told, now and when it changes, for as long as the subscription lives; to nobody any more with `undefined`.
   * Absent where nobody counts.
   *
   * @throws DriverError when it can't be counted now.
   */
  occupancy?(told: ((occupancy: unknown) => void) | undefined, signal: AbortSignal): Promise<unknown>
  /** A newer token for the same user, before the old one expires. For another user the engine leaves and joins anew. */
  setToken(token: string): void
  leave(): Promise<void>
}

export interface OutgoingMessage {
  readonly topic: string
  readonly event: string
  /** Any JSON. */
  readonly payload: unknown
  readonly private: boolean
}

/** One transport. It connects when the first topic is joined; reconnecting is the engine's business. */
export interface RealtimeDriver extends DriverBase {
  /**
   * The backend's whole address and the application's public key: what two drivers have in common that may share a
   * connection. Scripts of the page can see it. Default: `endpoint`.
   */
  readonly backend?: string
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
