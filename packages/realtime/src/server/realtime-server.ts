import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Occupancy, OutgoingMessage } from '../driver.ts'
import type { ServerAction } from './act.ts'
import type { Ended } from './admission/liveness.ts'
import type { Revoked } from './admission/revocations.ts'
import type { KickOptions } from './ending.ts'
import type { DrainOptions } from './entrance/draining.ts'
import type { InProcess } from './entrance/in-process.ts'
import type { Inspection } from './operate/operate.ts'
import type { KeptPage, KeptWish } from './read-kept.ts'
import type { RealtimeStats } from './operate/stats.ts'

export interface RealtimeServer {
  /** Takes the upgrade when its address is this server's; false when it is somebody else's. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /**
   * Server-sent events, REST broadcast and health (`REALTIME_ROUTES`); `undefined` for an address that is somebody else's.
   *
   * @param from Where the request comes from. Without an address the limits per address do not count it.
   */
  handleRequest(request: Request, from?: { readonly address?: string }): Promise<Response | undefined>
  /** The same for Node's server; false when the address is somebody else's. */
  handleIncoming(incoming: IncomingMessage, outgoing: ServerResponse): boolean
  /**
   * A connection without a network, for the memory driver.
   *
   * @throws DriverError for a token that is not valid, or when there are too many.
   */
  connect(token: string, onFrame: (text: string) => void, onClose: (reason: string) => void): Promise<InProcess>
  /**
   * Sends a message to everybody in its topic. Where that is kept, the promise resolves once the message is. Also while the server
   * is drained.
   *
   * @throws UnavailableError `REALTIME_ROOM_BUSY` when too much waits there already: nobody was sent anything.
   * @throws ValidationError `REALTIME_NAME_TOO_LONG` for a topic or an event of more than 255 bytes, `REALTIME_NAME_INVALID`
   *   for one that is missing, or has half of a surrogate pair or a NUL; ConfigError `OPTION_INVALID` without `private`; `REALTIME_PAYLOAD_UNWRITABLE` for what JSON can't carry; DriverError
   *   `DRIVER_CLOSED` once the server is closed, as of all that is asked of it then.
   */
  publish(message: OutgoingMessage): void | Promise<void>
  /**
   * Edits or deletes a message that is kept, or reacts to it, whatever `actions` of its topic says: for moderators. Resolves once
   * that is kept.
   *
   * @throws ValidationError `REALTIME_MESSAGE_UNKNOWN` for a message that is not in the topic, or no more; `REALTIME_MESSAGE_FULL`;
   *   `REALTIME_ACTION_INVALID`; ConfigError `REALTIME_NOT_KEPT`; UnavailableError `REALTIME_ROOM_BUSY`; what the database rejects
   *   with.
   */
  act(action: ServerAction): Promise<void>
  /**
   * Ends every socket and event stream whose claims fit all that is named, at once. End the session first, where `isLive`
   * looks: then a connection that is being made meanwhile is refused too, and none of that session comes back.
   *
   * @param reason Told to the client, at most 123 bytes of it.
   * @returns How many were ended.
   * @throws ValidationError `REALTIME_ENDED_UNNAMED` when neither is named: that would be everybody.
   */
  disconnect(ended: Ended, reason?: string): number
  /**
   * Sends members of one topic away at once: those that fit all that is named, everybody where neither a `sub` nor a `sessionId`
   * is. Each is told why, and stays connected. For `forMs` they may not come back into it.
   *
   * @returns How many were sent away.
   * @throws ValidationError `REALTIME_ENDED_UNNAMED` without a topic; ConfigError `OPTION_INVALID` for an invalid `forMs`.
   */
  kick(kicked: KickOptions, reason?: string): number
  /**
   * Takes back the tokens of an account, or of one session, that were issued until now (`iat`, in seconds: a token of this very
   * second counts too), and those that do not say when. Where tokens of the last minutes have shown that the clock of whoever issues
   * them is ahead, by five minutes at most, it is now by that clock. Its connections end at once, and every door refuses these tokens for as
   * long as one of them could live. This process remembers it, at most `limits.revocations` of them, until it ends.
   *
   * @returns How many connections were ended.
   * @throws ValidationError `REALTIME_ENDED_UNNAMED` when neither is named, or both.
   */
  revoke(revoked: Revoked, options?: { readonly reason?: string }): number
  /**
   * The latest messages of a topic that is kept, oldest first, as they are now, and the position behind them: for a page that is
   * rendered with them, whose channel goes on from there (`from`).
   *
   * @throws ConfigError `REALTIME_NOT_KEPT`, `OPTION_INVALID` for a `limit` that is no whole number above zero, and the like; ValidationError as `publish` for the topic; what the database rejects with when it is away.
   */
  history(topic: string, wish?: KeptWish): Promise<KeptPage>
  /**
   * How many are in a topic, on all servers: waits a second at most for those that were not asked before, and counts what is known.
   *
   * @throws ValidationError `REALTIME_NAME_TOO_LONG`; UnavailableError `REALTIME_TOO_MANY_COUNTED` while 1 000 other topics are counted.
   */
  occupancy(topic: string, options?: { readonly private?: boolean }): Promise<Occupancy>
  /** Resolves when the feeds, and the other servers, are listened to. */
  readonly ready: Promise<void>
  /** How the server is doing. Costs next to nothing, however many are connected. */
  stats(): RealtimeStats
  /**
   * Hands over to other servers, for a deployment: from now on health answers 503 and nobody new is let in, and those who are
   * connected are told, spread over `overMs`, to come back at once, which a balancer leads elsewhere. Call `close` after it.
   *
   * @returns Resolves when all are gone and their presence with them, at the latest 5 s after `afterMs` and `overMs`.
   * @throws ConfigError `OPTION_INVALID` for times that are none, or over an hour.
   */
  drain(options?: DrainOptions): Promise<void>
  /** What an operator can see: rooms, who is in them, and what is sent to them. */
  inspect(): Inspection
  /**
   * Tells everybody at once, and waits until they are gone, a second at most, and then until the database and the bus are let go. A
   * second call waits for the same.
   */
  close(): Promise<void>
}
