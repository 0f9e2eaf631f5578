import { every } from '@msc/core'
import { parseFrame } from '../phoenix/frames.ts'
import type { Claims } from './claims.ts'
import { createConnection, type Connection, type Transport } from './connection.ts'
import { createRate, type Limits } from './limits.ts'
import { closeMembership, leave } from './membership.ts'
import { handleFrame, type SessionContext } from './session.ts'

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
  add(transport: Transport, claims: Claims): Client
  /** Tells everybody, and waits until they are gone, a second at most. */
  close(reason: string): Promise<void>
}

const PATIENCE_MS = 1000

export function createClients(limits: Limits, context: SessionContext): Clients {
  const all = new Set<Connection>()
  let dropped = 0
  let onEmpty = (): void => {}

  /** A token that expires takes with it what it allowed. */
  const { clock, report } = context.runtime
  const dropExpired = (): void => {
    const now = clock.now()
    for (const { memberships } of all) {
      for (const membership of memberships.values()) {
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

  return {
    get size() {
      return all.size
    },
    get dropped() {
      return dropped
    },
    add(transport, claims) {
      const connection = createConnection(transport, claims, limits.bufferedBytes)
      all.add(connection)
      const withinRate = createRate(limits.framesPerSecond, clock.monotonic)
      // One frame after the other: a join and the broadcast behind it must not overtake each other.
      let queue: Promise<void> = Promise.resolve()
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
      return {
        connection,
        alive,
        receive(data) {
          alive()
          if (!withinRate()) {
            dropped += 1
            return connection.end(1008, 'Too many messages')
          }
          const frame = parseFrame(data)
          if (!frame) {
            dropped += 1
            return connection.end(1007, 'Not a frame')
          }
          const answer = async (): Promise<void> => {
            if (!connection.gone) await handleFrame(connection, frame, context)
          }
          // A sign of life does not wait for what the policies are asked.
          const answered = frame.topic === 'phoenix' ? answer() : (queue = queue.then(answer))
          answered.catch((error: unknown) => {
            report(error, 'answer a frame')
            connection.end(1011, 'Internal error')
          })
        },
        gone() {
          if (connection.gone) return
          stopWatching()
          connection.gone = true
          all.delete(connection)
          for (const membership of connection.memberships.values()) leave(membership, context.rooms)
          if (all.size === 0) onEmpty()
        },
      }
    },
    async close(reason) {
      stopExpiry()
      if (all.size === 0) return
      const empty = new Promise<void>((resolve) => (onEmpty = resolve))
      for (const connection of all) connection.end(1001, reason)
      const cancel = clock.setTimeout(() => {
        for (const connection of all) connection.terminate()
      }, PATIENCE_MS)
      await empty
      cancel()
    },
  }
}
