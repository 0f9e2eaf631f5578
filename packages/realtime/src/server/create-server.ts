import type { IncomingMessage } from 'node:http'
import { closedError, inTurn, MscError, guardSignals } from '@msc/core'
import { hubs } from '../client/hub.ts'
import { actFor } from './act.ts'
import { addressKey, createAddressOf, peerAddress } from './admission/address.ts'
import { Admission, Place } from './admission/admission.ts'
import { createBans } from './admission/bans.ts'
import { createDepartures } from './admission/departures.ts'
import { limitsFrom } from './admission/limits.ts'
import { createLiveness } from './admission/liveness.ts'
import { createRevocations } from './admission/revocations.ts'
import { createGaps } from './bus/gaps.ts'
import { createLink } from './bus/link.ts'
import { createEnding } from './ending.ts'
import { createClients } from './entrance/clients.ts'
import { createDraining } from './entrance/draining.ts'
import { connectInProcess } from './entrance/in-process.ts'
import { createUpgrades, refusedHere } from './entrance/upgrades.ts'
import { historyFrom } from './history/from-options.ts'
import { fail } from './http/answers.ts'
import { createAnywhere } from './http/anywhere.ts'
import { createEvents } from './http/events.ts'
import { handleHttp, type HttpContext } from './http/handle-http.ts'
import { answerIncoming } from './http/node.ts'
import { createPolls } from './http/polls.ts'
import { broadcastMany, broadcastOne, readSince } from './http/rest.ts'
import { createMatchRoute } from './http/routes.ts'
import { createTurns } from './http/turns.ts'
import { operate } from './operate/operate.ts'
import { assertServerOptions, type RealtimeServerOptions } from './options.ts'
import { askInTime } from './policies/permissions.ts'
import { publishFeed, publishTo } from './publish.ts'
import { readKept } from './read-kept.ts'
import type { RealtimeServer } from './realtime-server.ts'
import { createOccupancies } from './rooms/occupancy.ts'
import { closePresence } from './rooms/presence.ts'
import { createRooms } from './rooms/rooms.ts'
import { createRuntime } from './runtime.ts'
import { isFeedTopic, type SessionContext } from './session/context.ts'

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
  const occupancies = createOccupancies(rooms)
  const ask = askInTime(options.authorize, runtime)
  const turns = createTurns()
  const history = historyFrom(options.history, options.feeds && turns.over(options.feeds), rooms)
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
    occupancies,
    runtime,
  }
  const clients = createClients(context)
  const here = createEnding({ clients, liveness, bans, revocations, counters: runtime.counters })
  const { bus, feeds } = options
  // Feeds are read by each server: they miss nothing when the bus does.
  const gaps = createGaps(
    rooms,
    (topic) => feeds !== undefined && isFeedTopic(topic),
    () => history?.missed(),
  )
  const link =
    bus &&
    createLink({
      bus,
      jwtSecret,
      busSecrets: options.busSecrets,
      rooms,
      occupancies,
      ending: here,
      history,
      gaps,
      barred: { revocations, bans },
    })
  const ending = link?.ending ?? here
  const draining = createDraining({ clients, rooms, runtime })
  const operating = operate({ clients, rooms, feeds, history, link, options: options.metrics })
  let closing: Promise<void> | undefined
  /** @throws DriverError `DRIVER_CLOSED`: what was taken now would reach nobody. */
  const assertOpen = (): void => {
    if (closing) throw closedError('realtime server')
  }
  /** Why nobody is let in now. */
  const shut = (arriving = 0): readonly [status: number, error: string] | undefined => {
    if (closing || draining.isOn) return [503, 'Going away']
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

  const ready = Promise.resolve(feeds?.start((message) => publishFeed({ rooms, departures, history, gaps }, message)))
  // Those of another server are that one's to close.
  let ownFeeds = feeds
  ready.catch((error: unknown) => {
    if (MscError.isInstance(error) && error.code === 'REALTIME_FEEDS_IN_USE') ownFeeds = undefined
    runtime.report(error, 'start the feeds')
  })
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
      if ('refused' in answer) throw refusedHere(answer.refused)
      return answer.taken
    },
    publish(message) {
      assertOpen()
      return publishTo(rooms, message, history)
    },
    async act(action) {
      assertOpen()
      await actFor(rooms, history, action)
    },
    disconnect(ended, reason) {
      assertOpen()
      return ending.disconnect(ended, reason)
    },
    kick(kicked, reason) {
      assertOpen()
      return ending.kick(kicked, reason)
    },
    revoke(revoked, how) {
      assertOpen()
      return ending.revoke(revoked, how)
    },
    async history(topic, wish) {
      assertOpen()
      return readKept(history, topic, wish)
    },
    async occupancy(topic, wanted) {
      assertOpen()
      return occupancies.of(topic, wanted?.private === true)
    },
    drain: draining.begin,
    ready: heard,
    stats: operating.stats,
    inspect: () => operating.inspection,
    close: () => (closing ??= closeAll()),
  }
  const closeAll = (): Promise<void> => {
    draining.close()
    // Said first: the others then need not hear of each member that leaves.
    const unlinked = link?.close()
    return inTurn(
      () => operating.close(),
      () => hubs().delete(server),
      // Before what waits for a database, which may be why the server is closed.
      () => clients.close(`Going away; spread=${spreadMs()}`),
      () => upgrades.close(),
      () => closePresence(rooms),
      () => polls.close(),
      () => gaps.close(),
      () => occupancies.close(),
      () => ownFeeds?.close(),
      () => history?.close(),
      () => unlinked,
    )
  }

  const gone = (): Response | undefined => (closing ? fail(503, 'Going away') : undefined)
  const full = (): Response | undefined => {
    const why = shut()
    return why && fail(...why)
  }
  const anywhere = createAnywhere({ directed: link?.directed, admission, maxBytes: limits.frameBytes })
  const { newSession } = anywhere
  const events = createEvents({
    maxBytes: limits.frameBytes,
    maxTopics: limits.topics,
    keepAliveMs: limits.pingMs / 2,
    clients,
    session: context,
    admission,
    turns,
    newSession,
    full,
  })
  const polls = createPolls({ maxBytes: limits.frameBytes, clients, admission, runtime, newSession, full })
  const rest = {
    maxBytes: limits.frameBytes,
    maxMessages: limits.messagesPerRequest,
    ask,
    admission,
    bans,
    departures,
    rooms,
    privateOnly,
    feeds: options.feeds,
    history,
    gone,
    runtime,
  }
  const http: HttpContext = {
    match,
    jwtSecret,
    admission,
    liveness,
    counters: runtime.counters,
    gone,
    mayReadMetrics: operating.mayReadMetrics,
    handlers: {
      health: () => (draining.isOn ? fail(503, 'Going away') : operating.answerHealth()),
      metrics: operating.answerMetrics,
      events: events.open,
      frames: anywhere.route('frames', events.receive),
      pollOpen: polls.open,
      poll: anywhere.route('poll', polls.poll),
      pollFrames: anywhere.route('pollFrames', polls.receive),
      broadcast: (call) => broadcastMany(call, rest),
      broadcastOne: (call) => broadcastOne(call, rest),
      since: (call) => readSince(call, rest),
    },
  }

  hubs().add(server)
  return server
}

/** `undefined` for what a client sent in place of an address. */
function urlOf({ url = '/' }: IncomingMessage): URL | undefined {
  return URL.parse(url, 'http://localhost') ?? undefined
}
