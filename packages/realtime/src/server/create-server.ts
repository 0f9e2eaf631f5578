import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { ConfigError } from '@msc/core'
import { WebSocketServer, type WebSocket } from 'ws'
import type { OutgoingMessage } from '../driver.ts'
import type { FeedSource } from '../feed/source.ts'
import { parseFrame, type ProtocolVersion } from '../frames.ts'
import { setHub, getHub } from '../hub.ts'
import { broadcast } from './broadcast.ts'
import { verifyToken, type Claims } from './claims.ts'
import { createConnection, type Connection } from './connection.ts'
import { createRate, defaultLimits, type Limits } from './limits.ts'
import { handleRest } from './rest.ts'
import { createRooms } from './rooms.ts'
import { closeMembership, leave } from './membership.ts'
import { handleFrame, type SessionContext, type TopicAction } from './session.ts'

export interface RealtimeServerOptions {
  /** Signs and verifies tokens (HS256), at least 32 characters. */
  readonly jwtSecret: string
  /** May the holder of these claims do this on a private topic? A rejection counts as no. */
  readonly authorize: (question: {
    readonly claims: Claims
    readonly topic: string
    readonly action: TopicAction
  }) => boolean | Promise<boolean>
  /** What the database says of its rows; started and closed with the server. */
  readonly feeds?: FeedSource
  readonly limits?: Partial<Limits>
  /** Default `/realtime/v1`. */
  readonly path?: string
}

export interface RealtimeServer {
  /** Takes the upgrade when its address is this server's; false when it is somebody else's. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** REST broadcast and health; `undefined` for an address that is somebody else's. */
  handleRequest(request: Request): Promise<Response | undefined>
  publish(message: OutgoingMessage): void
  /** Resolves when the feeds are listened to. */
  readonly ready: Promise<void>
  stats(): { readonly connections: number; readonly rooms: number; readonly dropped: number }
  /** Tells everybody, and waits until they are gone, a second at most. */
  close(): Promise<void>
}

/** What one client more adds to the time over which all come back: some 170 in a second. */
const SPREAD_EACH_MS = 6
const MAX_SPREAD_MS = 60_000

/** A server that speaks Supabase Realtime's protocol, versions 1.0.0 and 2.0.0, in this process. */
export function createRealtimeServer(options: RealtimeServerOptions): RealtimeServer {
  const { jwtSecret, authorize, path = '/realtime/v1' } = options
  if (jwtSecret.length < 32) {
    throw new ConfigError('[msc/realtime] The JWT secret has fewer than 32 characters.', {
      hint: 'Set SUPABASE_JWT_SECRET to a longer one.',
    })
  }
  const limits: Limits = { ...defaultLimits, ...options.limits }
  const rooms = createRooms()
  const connections = new Map<WebSocket, Connection>()
  const spreadMs = (): number => Math.min(MAX_SPREAD_MS, connections.size * SPREAD_EACH_MS)
  const context: SessionContext = {
    rooms,
    jwtSecret,
    authorize,
    maxTopics: limits.topics,
    feeds: options.feeds,
    spreadMs,
  }
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.frameBytes, perMessageDeflate: false })
  let dropped = 0
  let closed = false

  const accept = (socket: WebSocket, version: ProtocolVersion, claims: Claims): void => {
    const connection = createConnection(socket, version, claims, limits.bufferedBytes)
    connections.set(socket, connection)
    const withinRate = createRate(limits.framesPerSecond)
    // One frame after the other: a join and the broadcast behind it must not overtake each other.
    let queue: Promise<void> = Promise.resolve()
    let alive = true
    socket.on('pong', () => (alive = true))
    socket.on('message', (data: Buffer, isBinary) => {
      alive = true
      if (!withinRate()) {
        dropped += 1
        return connection.end(1008, 'Too many messages')
      }
      const frame = parseFrame(isBinary ? new Uint8Array(data) : data.toString('utf8'))
      if (!frame) {
        dropped += 1
        return connection.end(1007, 'Not a frame')
      }
      queue = queue
        .then(() => (connection.gone ? undefined : handleFrame(connection, frame, context)))
        .catch(() => connection.end(1011, 'Internal error'))
    })
    const watch = setInterval(() => {
      if (!alive) return socket.terminate()
      alive = false
      socket.ping()
    }, limits.pingMs)
    watch.unref()
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      clearInterval(watch)
      connection.gone = true
      connections.delete(socket)
      for (const membership of connection.memberships.values()) leave(membership, rooms)
    })
  }

  /** A token that expires takes its private memberships with it. */
  const expiry = setInterval(() => {
    const now = Date.now()
    for (const connection of connections.values()) {
      for (const membership of connection.memberships.values()) {
        if (membership.claims.exp * 1000 > now) continue
        if (membership.private || membership.changes.length > 0) closeMembership(membership, 'Token has expired', rooms)
      }
    }
  }, 1000)
  expiry.unref()

  const ready = Promise.resolve(
    options.feeds?.start((message) => {
      broadcast(rooms, { ...message, private: true })
      rooms.changes.publish(message)
    }),
  )
  ready.catch(() => undefined)

  const server: RealtimeServer = {
    handleUpgrade(request, socket, head) {
      const url = new URL(request.url ?? '/', 'http://localhost')
      if (url.pathname !== `${path}/websocket`) return false
      socket.on('error', () => socket.destroy())
      void admit(url).then((admitted) => {
        if (socket.destroyed) return
        if ('refused' in admitted) return refuse(socket, ...admitted.refused)
        sockets.handleUpgrade(request, socket, head, (webSocket) =>
          accept(webSocket, admitted.version, admitted.claims),
        )
      })
      return true
    },
    handleRequest: (request) =>
      handleRest(request, {
        path,
        jwtSecret,
        authorize,
        maxBytes: limits.frameBytes,
        publish: server.publish,
        feeds: options.feeds,
      }),
    publish: (message) => broadcast(rooms, message),
    ready,
    stats: () => ({ connections: connections.size, rooms: rooms.size, dropped }),
    async close() {
      if (closed) return
      closed = true
      clearInterval(expiry)
      await options.feeds?.close()
      if (getHub() === server) setHub(undefined)
      const gone = [...connections.keys()].map(
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      )
      const reason = `Going away; spread=${spreadMs()}`
      for (const socket of connections.keys()) socket.close(1001, reason)
      const patience = setTimeout(() => {
        for (const socket of connections.keys()) socket.terminate()
      }, 1000)
      await Promise.all(gone)
      clearTimeout(patience)
      sockets.close()
    },
  }

  type Admission =
    | { readonly version: ProtocolVersion; readonly claims: Claims }
    | { readonly refused: readonly [number, string] }
  const admit = async (url: URL): Promise<Admission> => {
    if (closed) return { refused: [503, 'Going away'] }
    const version = url.searchParams.get('vsn') ?? '1.0.0'
    if (version !== '1.0.0' && version !== '2.0.0') return { refused: [400, 'Unknown protocol version'] }
    if (connections.size >= limits.connections) return { refused: [429, 'Too many connected users'] }
    const token = url.searchParams.get('apikey')
    if (!token) return { refused: [401, 'API key is missing'] }
    const verified = await verifyToken(token, jwtSecret)
    // It may have begun to close meanwhile, and would wait for whom it does not know.
    if (closed) return { refused: [503, 'Going away'] }
    return 'error' in verified ? { refused: [401, verified.error] } : { version, claims: verified.claims }
  }

  setHub(server)
  return server
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
