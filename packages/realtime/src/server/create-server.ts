import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  inTurn,
  ConfigError,
  DriverError,
  assertMethods,
  assertNumbers,
  guardSignals,
  type Clock,
  type ErrorReporter,
} from '@msc/core'
import { WebSocketServer, type WebSocket } from 'ws'
import type { OutgoingMessage } from '../driver.ts'
import type { FeedSource } from '../feed/source.ts'
import type { ProtocolVersion } from '../phoenix/frames.ts'
import { getHub, setHub } from '../hub.ts'
import { broadcast } from './broadcast.ts'
import { verifyToken, type Claims } from './claims.ts'
import { createClients } from './clients.ts'
import { createEvents } from './events.ts'
import { connectInProcess, type InProcess } from './in-process.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { answerIncoming } from './node.ts'
import { askInTime, type Authorize } from './permissions.ts'
import { handleRest } from './rest.ts'
import { createRooms } from './rooms.ts'
import { createRuntime } from './runtime.ts'
import type { SessionContext } from './session.ts'
import { WebSocketTransport } from './websocket.ts'

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
  readonly limits?: Partial<Limits>
  readonly clock?: Clock
  /** Told of what fails where nobody waits. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
  /** Default `/realtime/v1`. */
  readonly path?: string
}

export interface RealtimeServer {
  /** Takes the upgrade when its address is this server's; false when it is somebody else's. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** Server-sent events, REST broadcast and health; `undefined` for an address that is somebody else's. */
  handleRequest(request: Request): Promise<Response | undefined>
  /** The same for Node's server; false when the address is somebody else's. */
  handleIncoming(incoming: IncomingMessage, outgoing: ServerResponse): boolean
  /**
   * A connection without a network, for the memory driver.
   *
   * @throws DriverError for a token that is not valid, or when there are too many.
   */
  connect(token: string, onFrame: (text: string) => void, onClose: (reason: string) => void): Promise<InProcess>
  publish(message: OutgoingMessage): void
  /** Resolves when the feeds are listened to. */
  readonly ready: Promise<void>
  stats(): { readonly connections: number; readonly rooms: number; readonly dropped: number }
  /** Tells everybody, and waits until they are gone, a second at most. */
  close(): Promise<void>
}

const FEED_METHODS: readonly (keyof FeedSource)[] = ['start', 'since', 'replay', 'close']
const LEAST: Readonly<Record<keyof Limits, number>> = {
  connections: 0,
  topics: 0,
  frameBytes: 1,
  framesPerSecond: 0,
  bufferedBytes: 0,
  pingMs: 1,
}

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
  const { jwtSecret, path = '/realtime/v1' } = options
  // A promise that was not awaited has a text form that anybody can guess.
  if (typeof jwtSecret !== 'string' || jwtSecret.length < 32) {
    throw new ConfigError('[msc/realtime] The JWT secret is not a text of at least 32 characters.', {
      code: 'JWT_SECRET_INVALID',
      hint: 'Set SUPABASE_JWT_SECRET to at least 32 random characters, and pass it as `jwtSecret`.',
    })
  }
  assertMethods('realtime', 'options', options, ['authorize'])
  if (options.feeds !== undefined) assertMethods('realtime', 'feeds', options.feeds, FEED_METHODS)
  assertNumbers('realtime', options.limits ?? {}, LEAST)
  const limits: Limits = { ...defaultLimits, ...options.limits }
  const runtime = createRuntime(options.clock, options.onError)
  const rooms = createRooms(runtime.clock)
  const ask = askInTime(options.authorize, runtime)
  const spreadMs = (): number => Math.min(MAX_SPREAD_MS, clients.size * SPREAD_EACH_MS)
  const context: SessionContext = {
    rooms,
    jwtSecret,
    ask,
    maxTopics: limits.topics,
    feeds: options.feeds,
    spreadMs,
    runtime,
  }
  const clients = createClients(limits, context)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.frameBytes, perMessageDeflate: false })
  let closed = false

  const accept = (socket: WebSocket, version: ProtocolVersion, claims: Claims): void => {
    const client = clients.add(new WebSocketTransport(socket, version), claims)
    socket.on('pong', client.alive)
    socket.on('message', (data: Buffer, isBinary) =>
      client.receive(isBinary ? new Uint8Array(data) : data.toString('utf8')),
    )
    socket.on('error', terminate)
    socket.on('close', client.gone)
  }

  const ready = Promise.resolve(
    options.feeds?.start((message) => {
      broadcast(rooms, { ...message, private: true })
      rooms.changes.publish(message)
    }),
  )
  ready.catch((error: unknown) => runtime.report(error, 'start the feeds'))

  const server: RealtimeServer = {
    handleUpgrade(request, socket, head) {
      const url = addressOf(request)
      if (url?.pathname !== `${path}/websocket`) return false
      socket.on('error', destroy)
      const version = url.searchParams.get('vsn') ?? '1.0.0'
      if (version !== '1.0.0' && version !== '2.0.0') {
        refuse(socket, 400, 'Unknown protocol version')
        return true
      }
      const upgrade = async (): Promise<void> => {
        const admitted = await admit(url.searchParams.get('apikey'))
        if (socket.destroyed) return
        if ('refused' in admitted) return refuse(socket, ...admitted.refused)
        sockets.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket, version, admitted.claims))
      }
      upgrade().catch((error: unknown) => {
        runtime.report(error, 'accept a connection')
        socket.destroy()
      })
      return true
    },
    async handleRequest(request) {
      const answer = await events.handle(request)
      return (
        answer ??
        handleRest(request, {
          path,
          jwtSecret,
          ask,
          maxBytes: limits.frameBytes,
          publish: server.publish,
          feeds: options.feeds,
          runtime,
        })
      )
    },
    handleIncoming: (incoming, outgoing) => {
      const pathname = addressOf(incoming)?.pathname
      if (!pathname?.startsWith(`${path}/`) && !pathname?.startsWith('/rest/v1/rpc/msc_feed_since')) return false
      void answerIncoming(server, incoming, outgoing, limits.frameBytes)
      return true
    },
    async connect(token, onFrame, onClose) {
      const admitted = await admit(token)
      if ('refused' in admitted) {
        throw new DriverError('memory', admitted.refused[1], { code: 'REALTIME_REFUSED' })
      }
      return connectInProcess(clients, admitted.claims, onFrame, onClose)
    },
    publish: (message) => broadcast(rooms, message),
    ready,
    stats: () => ({ connections: clients.size, rooms: rooms.size, dropped: clients.dropped }),
    async close() {
      if (closed) return
      closed = true
      await inTurn(
        () => options.feeds?.close(),
        () => getHub() === server && setHub(undefined),
        () => clients.close(`Going away; spread=${spreadMs()}`),
        () => sockets.close(),
      )
    },
  }

  type Admission = { readonly claims: Claims } | { readonly refused: readonly [number, string] }
  const admit = async (token: string | null): Promise<Admission> => {
    if (closed) return { refused: [503, 'Going away'] }
    if (clients.size >= limits.connections) return { refused: [429, 'Too many connected users'] }
    if (!token) return { refused: [401, 'API key is missing'] }
    const verified = await verifyToken(token, jwtSecret)
    // It may have begun to close meanwhile, and would wait for whom it does not know.
    if (closed) return { refused: [503, 'Going away'] }
    return 'error' in verified ? { refused: [401, verified.error] } : { claims: verified.claims }
  }
  const events = createEvents({
    path,
    maxBytes: limits.frameBytes,
    maxTopics: limits.topics,
    keepAliveMs: limits.pingMs / 2,
    clients,
    session: context,
    async admit(token) {
      const admitted = await admit(token)
      if ('claims' in admitted) return admitted
      const [status, error] = admitted.refused
      return { refused: Response.json({ error }, { status }) }
    },
  })

  setHub(server)
  return server
}

// Not made for each connection: what they closed over, the request and its address, would live as long.
function destroy(this: Duplex): void {
  this.destroy()
}
function terminate(this: WebSocket): void {
  this.terminate()
}

/** `undefined` for what a client sent in place of an address. */
function addressOf({ url = '/' }: IncomingMessage): URL | undefined {
  return URL.parse(url, 'http://localhost') ?? undefined
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

function refuse(socket: Duplex, status: number, error: string): void {
  const body = JSON.stringify({ error })
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    // Whoever is refused may never say goodbye.
    () => socket.destroy(),
  )
}
