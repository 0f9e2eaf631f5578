import { every, type CancelTimer } from '@msc/core'
import { parseFrame, type Frame } from '../../phoenix/frames.ts'
import { textOfRefusal, type Place } from '../admission/admission.ts'
import { fullBucket, perSecond, spend, waitFor, type Bucket, type Rate } from '../admission/bucket.ts'
import { fits, type Ended } from '../admission/liveness.ts'
import type { Claims } from './claims.ts'
import { createConnection, type Connection, type Transport } from './connection.ts'
import type { Limits } from '../admission/limits.ts'
import { closeMembership, leave } from '../rooms/membership.ts'
import { handleFrame, refuseFrame, type SessionContext } from '../session/session.ts'

/** What comes from one client, whatever the way. */
export interface Client {
  readonly connection: Connection
  receive(data: string | Uint8Array): void
  /** A sign of life that says nothing else. */
  alive(): void
  /** The way to it is closed. */
  gone(): void
}

export interface Clients {
  readonly size: number
  /** Frames and clients that were refused. */
  readonly dropped: number
  /** `place`: left when the client is gone. */
  add(transport: Transport, claims: Claims, place: Place): Client
  /** Ends the connections of these claims at once; returns how many. */
  end(ended: Ended, reason: string): number
  /** Tells everybody, and waits until they are gone, a second at most. */
  close(reason: string): Promise<void>
}

const PATIENCE_MS = 1000
/** A client that goes on like this after it was refused is not one that is only too fast. */
const FLOOD = 10
/** Frames of one connection, and their bytes, that wait while the policies are asked. More are refused to their sender. */
const MAX_WAITING = 1000
const MAX_WAITING_BYTES = 1024 * 1024

/** Bytes of a refused frame that weigh as much as one frame: it has to be read to be refused. */
const WEIGHT_BYTES = 4096

export function createClients(limits: Limits, context: SessionContext): Clients {
  const all = new Set<Client>()
  /** Those that were ended and may not have closed their side yet. */
  const leaving = new Map<Client, CancelTimer>()
  let dropped = 0
  let onEmpty = (): void => {}

  /** A token that expires takes with it what it allowed. */
  const { clock, report } = context.runtime
  const dropExpired = (): void => {
    const now = clock.now()
    for (const { connection } of all) {
      for (const membership of connection.memberships.values()) {
        if (membership.claims.exp * 1000 > now) continue
        if (membership.private || membership.changes.length > 0) {
          closeMembership(membership, 'Token has expired', context.rooms)
        }
      }
    }
  }
  const stopExpiry = every(1000, dropExpired, { clock, onError: (error) => report(error, 'token expiry') })

  // Shared by all connections, as what each closes over lives as long as its socket.
  const failed = (error: unknown): void => report(error, 'heartbeat')
  const frameRate = perSecond(limits.framesPerSecond)
  const floodRate = perSecond(limits.framesPerSecond * FLOOD)

  /** Ends a connection now: a peer that does not say goodbye in return must not keep it. */
  const cut = (client: Client, code: number, reason: string): void => {
    client.connection.end(code, reasonOf(reason))
    client.gone()
    const cancel = clock.setTimeout(() => {
      leaving.delete(client)
      client.connection.terminate()
    }, PATIENCE_MS)
    leaving.set(client, cancel)
  }

  return {
    get size() {
      return all.size
    },
    get dropped() {
      return dropped
    },
    add(transport, claims, place) {
      const connection = createConnection(transport, claims, place, limits.bufferedBytes)
      const frames = fullBucket(frameRate, clock.monotonic())
      // Made when it is needed, which for most clients is never.
      let refusals: Bucket | undefined
      // One frame after the other: a join and the broadcast behind it must not overtake each other.
      let queue: Promise<void> = Promise.resolve()
      let waiting = 0
      let waitingBytes = 0
      let missed = 0
      const watch = (): void => {
        if (missed >= transport.patience) return transport.terminate()
        missed += 1
        transport.ping()
      }
      const stopWatching = every(limits.pingMs, watch, { clock, onError: failed })
      const alive = (): void => {
        missed = 0
      }
      /** Why a frame is too much, of this connection, its account or its address. */
      const excess = (bytes: number): string | undefined => {
        if (takeFrom(frames, frameRate, 1, clock.monotonic())) {
          const refusal = place.take({ framesPerSecond: 1, frameBytesPerSecond: bytes })
          return refusal && textOfRefusal(refusal)
        }
        return 'Too many messages in a second of one connection'
      }
      const client: Client = {
        connection,
        alive,
        receive(data) {
          if (connection.gone) return
          alive()
          const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength
          const refused = excess(bytes)
          if (refused !== undefined) {
            dropped += 1
            const now = clock.monotonic()
            refusals ??= fullBucket(floodRate, now)
            if (!takeFrom(refusals, floodRate, 1 + bytes / WEIGHT_BYTES, now))
              return cut(client, 1008, 'Too many messages')
          }
          const frame = parseFrame(data)
          if (!frame) {
            dropped += 1
            return connection.end(1007, 'Not a frame')
          }
          if (refused !== undefined && !isAlwaysTaken(frame)) return refuseFrame(connection, frame, refused)
          const waits = frame.topic !== 'phoenix'
          if (waits && (waiting >= MAX_WAITING || waitingBytes + bytes > MAX_WAITING_BYTES)) {
            dropped += 1
            return refuseFrame(connection, frame, 'Too many messages wait for an answer')
          }
          const answer = async (): Promise<void> => {
            if (waits) {
              waiting -= 1
              waitingBytes -= bytes
            }
            if (!connection.gone) await handleFrame(connection, frame, context)
          }
          if (waits) {
            waiting += 1
            waitingBytes += bytes
          }
          // A sign of life does not wait for what the policies are asked.
          const answered = waits ? (queue = queue.then(answer)) : answer()
          answered.catch((error: unknown) => {
            report(error, 'answer a frame')
            connection.end(1011, 'Internal error')
          })
        },
        gone() {
          if (connection.gone) return
          stopWatching()
          connection.gone = true
          all.delete(client)
          for (const membership of connection.memberships.values()) leave(membership, context.rooms)
          place.leave()
          if (all.size === 0) onEmpty()
        },
      }
      all.add(client)
      return client
    },
    end(ended, reason) {
      let count = 0
      for (const client of all) {
        const { claims, memberships } = client.connection
        const isTheirs = fits(claims, ended) || [...memberships.values()].some((each) => fits(each.claims, ended))
        if (!isTheirs) continue
        count += 1
        cut(client, 1008, reason)
      }
      return count
    },
    async close(reason) {
      stopExpiry()
      for (const [{ connection }, cancelTimer] of leaving) {
        cancelTimer()
        connection.terminate()
      }
      leaving.clear()
      if (all.size === 0) return
      const empty = new Promise<void>((resolve) => (onEmpty = resolve))
      for (const { connection } of all) connection.end(1001, reason)
      const cancel = clock.setTimeout(() => {
        for (const { connection } of all) connection.terminate()
      }, PATIENCE_MS)
      await empty
      cancel()
    },
  }
}

function takeFrom(bucket: Bucket, rate: Rate, amount: number, now: number): boolean {
  if (waitFor(bucket, rate, amount, now) > 0) return false
  spend(bucket, amount)
  return true
}

/**
 * To refuse these costs as much as to take them: whoever leaves makes room, and a client whose heartbeat is refused takes the
 * connection for a dead one and comes back with all its joins. They are counted all the same.
 */
function isAlwaysTaken({ topic, event }: Frame): boolean {
  return event === 'phx_leave' || (topic === 'phoenix' && event === 'heartbeat')
}

/** As a WebSocket's close frame takes it: at most 123 bytes. */
function reasonOf(text: string): string {
  let reason = ''
  // By characters, so that none is cut in half.
  for (const character of text) {
    if (Buffer.byteLength(reason + character) > 123) break
    reason += character
  }
  return reason
}
