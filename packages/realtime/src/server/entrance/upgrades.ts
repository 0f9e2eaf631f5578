import { DriverError } from '@msc/core'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { ProtocolVersion } from '../../phoenix/frames.ts'
import { Place, textOfRefusal, whoIs, type Admission, type Refusal, type Who } from '../admission/admission.ts'
import type { Liveness } from '../admission/liveness.ts'
import { codeOfStatus, PROTECTED, retryAfter, retryMsOf, SESSION_ENDED, SESSION_UNKNOWN } from '../http/answers.ts'
import { verifyToken, type Claims } from './claims.ts'
import type { Client, Clients } from './clients.ts'
import type { Runtime } from '../runtime.ts'
import { createUnproven, type Unproved } from './unproven.ts'
import { listenTo, WebSocketTransport } from './websocket.ts'

export interface UpgradesContext {
  readonly jwtSecret: string
  readonly frameBytes: number
  readonly admission: Admission
  readonly liveness: Liveness
  readonly clients: Clients
  /** Why nobody is let in now. `arriving`: connections that are open beside the clients. */
  shut(arriving?: number): readonly [status: number, error: string] | undefined
  readonly runtime: Runtime
}

/** Why there is no connection, as HTTP says it. */
interface Refused {
  readonly status: number
  readonly error: string
  /** Milliseconds, where more is known than the status says. */
  readonly retryAfterMs?: number
}
type Answer<T> = { readonly taken: T } | { readonly refused: Refused }

export interface Upgrades {
  /** Makes a WebSocket of an upgrade, or says no. Never throws. */
  take(url: URL, address: string, request: IncomingMessage, socket: Duplex, head: Buffer): void
  /**
   * Lets the holder of a token in: `use` is called at the very moment that it may, so nothing comes between.
   *
   * @param address `undefined` for a connection of this process, to which the limits do not apply.
   * @param isCounted Its address has been counted already.
   */
  admit<T>(
    token: string | null,
    address: string | undefined,
    use: (claims: Claims, who: Who) => T,
    isCounted?: boolean,
  ): Promise<Answer<T>>
  close(): void
}

export function createUpgrades(context: UpgradesContext): Upgrades {
  const { jwtSecret, admission, liveness, clients, runtime } = context
  // What is larger than a frame may be is read, so that its sender can be told; only what is much larger ends the connection.
  const maxPayload = Math.max(MIB, 4 * context.frameBytes)
  const sockets = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false })
  const refuse = (socket: Duplex, refused: Refused): void => {
    const code = codeOfStatus(refused.status)
    if (code) runtime.counters.countRefused(code)
    answerRefused(socket, refused)
  }
  // What is no handshake is answered by `ws`, without what every answer here has.
  sockets.on('wsClientError', (error: Error, socket: Duplex) => refuse(socket, { status: 400, error: error.message }))

  const admit: Upgrades['admit'] = async (token, address, use, isCounted = false) => {
    const nobody: Who = { address }
    const counted = (who: Who): { refused: Refused } | undefined => {
      const counts = isCounted ? { account: who.account } : who
      const refusal = address === undefined ? undefined : admission.take(counts, { requestsPerMinute: 1 })
      return refusal && { refused: limited(refusal) }
    }
    const no = (status: number, error: string): { refused: Refused } => ({ refused: { status, error } })
    const why = context.shut()
    if (why) return { refused: shutFor(why) }
    if (!token) return counted(nobody) ?? no(401, 'API key is missing')
    const verified = await verifyToken(token, jwtSecret)
    if ('error' in verified) return counted(nobody) ?? no(401, verified.error)
    const { claims } = verified
    const who = whoIs(claims, address)
    return (
      counted(who) ??
      (await liveness.during(claims, (verdict) => {
        if (verdict === 'ended') return no(401, SESSION_ENDED)
        if (verdict === 'unavailable') return no(503, SESSION_UNKNOWN)
        // `close()` may have begun meanwhile; a client that is added now would never be told to leave.
        const late = context.shut()
        return late ? { refused: shutFor(late) } : { taken: use(claims, who) }
      }))
    )
  }

  const accept = (socket: WebSocket, version: ProtocolVersion, claims: Claims, place: Place): void => {
    listenTo(socket, clients.add(new WebSocketTransport(socket, version), claims, place))
  }

  const unproven = createUnproven({
    runtime,
    async prove(socket, token, place, address) {
      const answer = await admit(
        token,
        address,
        (claims, who): Client | Refused => {
          if (socket.readyState !== socket.OPEN) return gone
          // Until now it had a place of its address alone.
          place.leave()
          const own = admission.enter(who, 'sockets')
          return own instanceof Place ? clients.add(new WebSocketTransport(socket, '2.0.0'), claims, own) : limited(own)
        },
        true,
      )
      const result = 'refused' in answer ? answer.refused : answer.taken
      return 'connection' in result ? result : unproved(result)
    },
  })

  /** A connection that says later whose it is counts as its address's meanwhile. */
  const open = (address: string, [request, socket, head]: readonly [IncomingMessage, Duplex, Buffer]): void => {
    if (socket.destroyed) return
    const why = context.shut(unproven.size)
    if (why) return refuse(socket, shutFor(why))
    const over = admission.take({ address }, { requestsPerMinute: 1 })
    if (over) return refuse(socket, limited(over))
    const place = admission.enter({ address }, 'sockets')
    if (!(place instanceof Place)) return refuse(socket, limited(place))
    socket.once('close', leaveOf(place))
    sockets.handleUpgrade(request, socket, head, (webSocket) => unproven.add(webSocket, place, address))
  }

  const upgrade = async (
    url: URL,
    version: ProtocolVersion,
    address: string,
    [request, socket, head]: readonly [IncomingMessage, Duplex, Buffer],
  ): Promise<void> => {
    const answer = await admit(url.searchParams.get('apikey'), address, (claims, who) => {
      if (socket.destroyed) return undefined
      const place = admission.enter(who, 'sockets')
      if (!(place instanceof Place)) return limited(place)
      // Also of a handshake that fails, and of a peer that is gone without a word.
      socket.once('close', leaveOf(place))
      sockets.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket, version, claims, place))
      return undefined
    })
    const refused = 'refused' in answer ? answer.refused : answer.taken
    if (refused) refuse(socket, refused)
  }

  return {
    admit,
    take(url, address, request, socket, head) {
      socket.on('error', destroy)
      const version = url.searchParams.get('vsn') ?? '1.0.0'
      if (version !== '1.0.0' && version !== '2.0.0') {
        return refuse(socket, { status: 400, error: 'Unknown protocol version' })
      }
      // Version 1 has no way to say it later.
      if (version === '2.0.0' && !url.searchParams.has('apikey')) return open(address, [request, socket, head])
      upgrade(url, version, address, [request, socket, head]).catch((error: unknown) => {
        runtime.report(error, 'accept a connection')
        socket.destroy()
      })
    },
    close() {
      unproven.close()
      sockets.close()
    },
  }
}

const limited = (refusal: Refusal): Refused => ({
  status: 429,
  error: textOfRefusal(refusal),
  retryAfterMs: refusal.retryAfterMs,
})

const shutFor = ([status, error]: readonly [number, string]): Refused => ({ status, error })

const waitOf = ({ status, retryAfterMs }: Refused): number | undefined => retryAfterMs ?? retryMsOf(status)

const gone: Refused = { status: 503, error: 'The connection is gone' }

const unproved = (refused: Refused): Unproved => {
  const { status, error } = refused
  const retryAfterMs = waitOf(refused)
  return {
    reason: error,
    code: status === 401 ? 'TOKEN_REFUSED' : status === 429 ? 'RATE_LIMITED' : 'UNAVAILABLE',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}

// Not made where a connection is: what they closed over, the request and its address, would live as long.
const leaveOf =
  (place: Place): (() => void) =>
  () =>
    place.leave()
function destroy(this: Duplex): void {
  this.destroy()
}

const MIB = 1024 * 1024

/** What a client of this process is refused with. */
export function refusedHere(refused: Refused): DriverError {
  const { reason, code, retryAfterMs } = unproved(refused)
  const codes = {
    TOKEN_REFUSED: 'REALTIME_TOKEN_REFUSED',
    RATE_LIMITED: 'REALTIME_RATE_LIMITED',
    UNAVAILABLE: 'REALTIME_REFUSED',
  }
  const more = { retryable: code !== 'TOKEN_REFUSED', ...(retryAfterMs !== undefined && { retryAfterMs }) }
  return new DriverError('memory', reason, { code: codes[code], ...more })
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

function answerRefused(socket: Duplex, refused: Refused): void {
  const { status, error } = refused
  const body = JSON.stringify({ error })
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...PROTECTED,
    ...retryAfter(waitOf(refused)),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
    // Whoever is refused may never say goodbye.
    () => socket.destroy(),
  )
}
