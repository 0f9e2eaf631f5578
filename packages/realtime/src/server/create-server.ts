import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  inTurn,
  ConfigError,
  DriverError,
  assertMethods,
  assertChoice,
  assertOptions,
  assertPorts,
  assertText,
  guardSignals,
  type Clock,
  type ErrorReporter,
} from '@msc/core'
import type { OutgoingMessage } from '../driver.ts'
import type { FeedSource } from '../feed/source.ts'
import { getHub, setHub } from '../client/hub.ts'
import { addressKey, createAddressOf, peerAddress } from './admission/address.ts'
import { Admission, Place } from './admission/admission.ts'
import { BUS_METHODS, type RealtimeBus } from '../bus/bus.ts'
import { createBans } from './admission/bans.ts'
import { createDepartures } from './admission/departures.ts'
import { createLiveness, type Ended, type IsLive } from './admission/liveness.ts'
import { createRevocations, type Revoked } from './admission/revocations.ts'
import { createLink } from './bus/link.ts'
import { createEnding, type KickOptions } from './ending.ts'
import { fail } from './http/answers.ts'
import { publishFeed, publishTo } from './publish.ts'
import { createClients } from './entrance/clients.ts'
import { createEvents } from './http/events.ts'
import { createPolls } from './http/polls.ts'
import { handleHttp, type HttpContext } from './http/handle-http.ts'
import { connectInProcess, type InProcess } from './entrance/in-process.ts'
import { limitsFrom, type LimitOptions } from './admission/limits.ts'
import { answerIncoming } from './http/node.ts'
import { askInTime, type Authorize } from './policies/permissions.ts'
import { broadcastMany, broadcastOne, readSince } from './http/rest.ts'
import { closePresence } from './rooms/presence.ts'
import { createRooms } from './rooms/rooms.ts'
import { createMatchRoute } from './http/routes.ts'
import { assertMetrics, operate, type Inspection, type MetricsOptions } from './operate/operate.ts'
import type { RealtimeStats } from './operate/stats.ts'
import { createRuntime } from './runtime.ts'
import { historyFrom } from './history/from-options.ts'
import type { HistoryRule } from './history/rules.ts'
import type { SessionContext } from './session/context.ts'
import type { KeyRule } from './session/presence-key.ts'
import { createUpgrades } from './entrance/upgrades.ts'

export interface RealtimeServerOptions {
  /** Signs and verifies tokens (HS256), at least 32 characters. */
  readonly jwtSecret: string
  /**
   * May the holder of these claims do this on a private topic? A rejection, and no answer within 5 s, count as no. Asked
   * at every join and for every new token. `databasePolicies` asks the database.
   */
  readonly authorize: Authorize
  /** What the database says of its rows; started and closed with the server. */
  readonly feeds?: FeedSource
  /** Joins the rooms of several servers; started and closed with this one. Default: this server is the only one. */
  readonly bus?: RealtimeBus
  /**
   * Topics whose broadcasts are kept, for who was away and who comes later: in the database of `feeds` where there are feeds, for
   * all servers and beyond a restart, else in this process. A message is acknowledged once it is kept. Default: none.
   */
  readonly history?: readonly HistoryRule[]
  /**
   * Does the session of this token still go on? Asked at every connection, request, join and new token whose claims have a
   * `sub` or a `session_id`. False refuses it as not authorised; a rejection, and no answer within 2 s, refuse it as
   * unavailable, to be tried again. Default: every valid token is live until it expires.
   */
  readonly isLive?: IsLive
  /** What is left out has its default. */
  readonly limits?: LimitOptions
  /**
   * Who somebody may be in presence. `user`, the default: the holder of a token with a `sub` is that id, or begins with it and a
   * colon (`ana:phone`), so ids should have no colon; others are refused at the join, and whoever has no `sub` gets a random
   * key. `any`: whatever the client says.
   */
  readonly presenceKey?: KeyRule
  /** Refuses public topics, at joins, in REST broadcasts and event streams. Default false. */
  readonly privateOnly?: boolean
  /**
   * The address by which the limits count a request: behind a proxy, the one that your proxy saw. IPv6 is counted by /64.
   * When it throws, or answers with what is no address, the request counts as of an unknown one, and all of those together.
   * Default: the address at the other end of the connection.
   */
  readonly clientAddress?: (request: IncomingMessage) => string
  readonly clock?: Clock
  /** Told of what fails where nobody waits. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
  /** Default `/realtime/v1`. */
  readonly path?: string
  /** Who may read the numbers of the server, beside the service role, and how often samples are taken. */
  readonly metrics?: MetricsOptions
}

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
   * Sends a message to everybody in its topic. Where that is kept, the promise resolves once the message is.
   *
   * @throws UnavailableError `REALTIME_ROOM_BUSY` when too much waits there already: nobody was sent anything.
   * @throws ValidationError `REALTIME_NAME_TOO_LONG` for a topic or an event of more than 255 bytes;
   *   `REALTIME_PAYLOAD_UNWRITABLE` for what JSON can't carry.
   */
  publish(message: OutgoingMessage): void | Promise<void>
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
   * second counts too), and those that do not say when. Its connections end at once, and every door refuses these tokens for as
   * long as one of them could live. This process remembers it, at most `limits.revocations` of them, until it ends.
   *
   * @returns How many connections were ended.
   * @throws ValidationError `REALTIME_ENDED_UNNAMED` when neither is named, or both.
   */
  revoke(revoked: Revoked, options?: { readonly reason?: string }): number
  /** Resolves when the feeds, and the other servers, are listened to. */
  readonly ready: Promise<void>
  /** How the server is doing. Costs next to nothing, however many are connected. */
  stats(): RealtimeStats
  /** What an operator can see: rooms, who is in them, and what is sent to them. */
  inspect(): Inspection
  /** Tells everybody, and waits until they are gone, a second at most. */
  close(): Promise<void>
}

const FEED_METHODS: readonly (keyof FeedSource)[] = ['start', 'since', 'replay', 'close']
/** What one client more adds to the time over which all come back: some 170 in a second. */
const SPREAD_EACH_MS = 6
const MAX_SPREAD_MS = 60_000

/**
 * A server that speaks Supabase Realtime's protocol, versions 1.0.0 and 2.0.0, in this process.
 *
 * @throws ConfigError for a secret that is too short; `OPTION_INVALID` for options that lack methods and limits that are no
 *   numbers.
 */
export function createRealtimeServer(options: RealtimeServerOptions): RealtimeServer {
  guardSignals()
  assertServerOptions(options)
  const { jwtSecret, path = '/realtime/v1', presenceKey = 'user', privateOnly = false } = options
  const limits = limitsFrom(options.limits)
  const runtime = createRuntime(options.clock, options.onError)
  const admission = new Admission(limits, runtime.clock)
  const revocations = createRevocations(limits.revocations, runtime)
  const liveness = createLiveness(options.isLive, revocations, runtime)
  const bans = createBans(runtime)
  const match = createMatchRoute(path)
  const addressOf = createAddressOf(options.clientAddress ?? peerAddress, runtime)
  const rooms = createRooms(runtime)
  const departures = createDepartures(rooms)
  const ask = askInTime(options.authorize, runtime)
  const history = historyFrom(options.history, options.feeds, rooms)
  const spreadMs = (): number => Math.min(MAX_SPREAD_MS, clients.size * SPREAD_EACH_MS)
  const context: SessionContext = {
    rooms,
    jwtSecret,
    ask,
    limits,
    privateOnly,
    presenceKey,
    feeds: options.feeds,
    history,
    ready: () => ready,
    spreadMs,
    liveness,
    bans,
    departures,
    runtime,
  }
  const clients = createClients(context)
  const here = createEnding({ clients, liveness, bans, revocations, counters: runtime.counters })
  const { bus, feeds } = options
  const link = bus && createLink({ bus, rooms, ending: here, hasFeeds: feeds !== undefined })
  const { disconnect, kick, revoke } = link?.ending ?? here
  const operating = operate({ clients, rooms, feeds, history, link, options: options.metrics })
  let closed = false
  /** Why nobody is let in now. */
  const shut = (arriving = 0): readonly [status: number, error: string] | undefined => {
    if (closed) return [503, 'Going away']
    return clients.size + arriving >= limits.connections ? [429, 'Too many connected users'] : undefined
  }
  const upgrades = createUpgrades({
    jwtSecret,
    frameBytes: limits.frameBytes,
    admission,
    liveness,
    clients,
    shut,
    runtime,
  })

  const ready = Promise.resolve(feeds?.start((message) => publishFeed({ rooms, departures, history }, message)))
  ready.catch((error: unknown) => runtime.report(error, 'start the feeds'))
  const heard = Promise.all([ready, link?.ready]).then(() => undefined)
  // Each was reported; nobody need wait for it.
  heard.catch(() => undefined)

  const server: RealtimeServer = {
    handleUpgrade(request, socket, head) {
      const url = urlOf(request)
      if (url?.pathname !== `${path}/websocket`) return false
      upgrades.take(url, addressOf(request), request, socket, head)
      return true
    },
    handleRequest: (request, { address } = {}) =>
      handleHttp(request, address === undefined ? undefined : addressKey(address), http),
    handleIncoming: (incoming, outgoing) => {
      const pathname = urlOf(incoming)?.pathname
      if (!pathname?.startsWith(`${path}/`) && (pathname === undefined || !match('GET', pathname))) return false
      const address = addressOf(incoming)
      void answerIncoming(incoming, outgoing, {
        answer: (request) => handleHttp(request, address, http),
        maxBytes: limits.frameBytes,
      })
      return true
    },
    async connect(token, onFrame, onClose) {
      const answer = await upgrades.admit(token, undefined, (claims) =>
        // Whoever shares the process with the server is no stranger to it.
        connectInProcess(clients, claims, new Place(admission, {}, 'sockets'), onFrame, onClose, runtime),
      )
      if ('refused' in answer) throw new DriverError('memory', answer.refused.error, { code: 'REALTIME_REFUSED' })
      return answer.taken
    },
    publish: (message) => publishTo(rooms, message, history),
    disconnect,
    kick,
    revoke,
    ready: heard,
    stats: operating.stats,
    inspect: () => operating.inspection,
    async close() {
      if (closed) return
      closed = true
      // Said first: the others then need not hear of each member that leaves.
      const unlinked = link?.close()
      await inTurn(
        () => operating.close(),
        () => feeds?.close(),
        () => history?.close(),
        () => getHub() === server && setHub(undefined),
        () => clients.close(`Going away; spread=${spreadMs()}`),
        () => upgrades.close(),
        () => closePresence(rooms),
        () => polls.close(),
        () => unlinked,
      )
    },
  }

  const full = (): Response | undefined => {
    const why = shut()
    return why && fail(...why)
  }
  const events = createEvents({
    maxBytes: limits.frameBytes,
    maxTopics: limits.topics,
    keepAliveMs: limits.pingMs / 2,
    clients,
    session: context,
    admission,
    full,
  })
  const polls = createPolls({ maxBytes: limits.frameBytes, clients, admission, runtime, full })
  const rest = {
    maxBytes: limits.frameBytes,
    maxMessages: limits.messagesPerRequest,
    ask,
    admission,
    rooms,
    privateOnly,
    feeds: options.feeds,
    history,
    runtime,
  }
  const http: HttpContext = {
    match,
    jwtSecret,
    admission,
    liveness,
    counters: runtime.counters,
    mayReadMetrics: operating.mayReadMetrics,
    handlers: {
      health: operating.answerHealth,
      metrics: operating.answerMetrics,
      events: events.open,
      frames: events.receive,
      pollOpen: polls.open,
      poll: polls.poll,
      pollFrames: polls.receive,
      broadcast: (call) => broadcastMany(call, rest),
      broadcastOne: (call) => broadcastOne(call, rest),
      since: (call) => readSince(call, rest),
    },
  }

  setHub(server)
  return server
}

function assertServerOptions(options: RealtimeServerOptions): void {
  assertOptions('realtime', options)
  const { jwtSecret, path = '/realtime/v1', feeds, bus, presenceKey, privateOnly, metrics } = options
  // A promise that was not awaited has a text form that anybody can guess.
  if (typeof jwtSecret !== 'string' || jwtSecret.length < 32) {
    throw new ConfigError('[msc/realtime] The JWT secret is not a text of at least 32 characters.', {
      code: 'JWT_SECRET_INVALID',
      hint: 'Set SUPABASE_JWT_SECRET to at least 32 random characters, and pass it as `jwtSecret`.',
    })
  }
  assertMethods('realtime', 'options', options, ['authorize'], ['isLive', 'clientAddress'])
  assertText('realtime', 'path', path)
  assertPorts('realtime', options)
  if (feeds !== undefined) assertMethods('realtime', 'feeds', feeds, FEED_METHODS)
  if (bus !== undefined) assertMethods('realtime', 'bus', bus, BUS_METHODS)
  if (metrics !== undefined) assertMetrics(metrics)
  assertChoice('realtime', 'presenceKey', presenceKey, ['user', 'any', undefined])
  assertChoice('realtime', 'privateOnly', privateOnly, [true, false, undefined])
}

/** `undefined` for what a client sent in place of an address. */
function urlOf({ url = '/' }: IncomingMessage): URL | undefined {
  return URL.parse(url, 'http://localhost') ?? undefined
}
