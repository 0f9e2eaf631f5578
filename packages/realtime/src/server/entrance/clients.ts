import { every, type CancelTimer } from '@msc/core'
import type { Place } from '../admission/admission.ts'
import { isOf, type Kicked } from '../admission/bans.ts'
import { fits, type Ended } from '../admission/liveness.ts'
import { closeMembership } from '../rooms/membership.ts'
import type { SessionContext } from '../session/context.ts'
import type { Claims } from './claims.ts'
import { TOKEN_EXPIRED } from './claims.ts'
import { FrameClient, type Client, type ClientPorts } from './client.ts'
import type { Transport, TransportName } from './connection.ts'

export type { Client } from './client.ts'

export interface Clients {
  readonly size: number
  /** By the way they came. */
  readonly byTransport: Readonly<Record<TransportName, number>>
  /** Frames that were refused by a limit of their connection, their account or their address, or are none. */
  readonly dropped: number
  /** `place`: left when the client is gone. */
  add(transport: Transport, claims: Claims, place: Place): Client
  /**
   * Ends the connections of these claims at once; returns how many.
   *
   * @param before Only those that came before, in monotonic milliseconds.
   */
  end(ended: Ended, reason: string, before?: number): number
  /** Ends the connections of which some claims are meant; returns how many. */
  endWhere(isMeant: (claims: Claims) => boolean, reason: string): number
  /** Those who are connected now. */
  all(): readonly Client[]
  /** Ends one, which is to come back. */
  handOver(client: Client, code: number, reason: string): void
  /** Ends memberships of one topic at once, or those that began before; returns how many. */
  kick(kicked: Kicked, reason: string, before?: number): number
  /** Tells everybody, and waits until they are gone, a second at most. */
  close(reason: string): Promise<void>
}

const PATIENCE_MS = 1000

export function createClients(context: SessionContext): Clients {
  const { limits, rooms } = context
  const { clock, counters, report, attempt } = context.runtime
  const all = new Set<FrameClient>()
  /** Those that were ended and may not have closed their side yet. */
  const leaving = new Map<FrameClient, CancelTimer>()
  const byTransport: Record<TransportName, number> = { websocket: 0, sse: 0, polling: 0, stream: 0, 'in-process': 0 }
  let dropped = 0
  let onEmpty = (): void => {}

  const terminate = ({ connection }: FrameClient): void =>
    void attempt('end a connection', () => connection.terminate())

  /** A token that expires takes with it what it allowed, public topics too, as on Supabase. Whoever has another one comes back with it. */
  const dropExpired = (): void => {
    const now = clock.now()
    for (const { connection } of all) {
      for (const membership of connection.memberships.values()) {
        if (membership.claims.exp * 1000 > now) continue
        attempt('token expiry', () => closeMembership(membership, TOKEN_EXPIRED, rooms))
      }
    }
  }
  /** One timer for all: one for each would weigh more than the rest of what is kept of a connection. */
  const watch = (): void => {
    const now = clock.monotonic()
    for (const client of all) attempt('heartbeat', () => client.watch(now))
  }
  const lookMs = Math.min(1000, Math.max(1, limits.pingMs / 10))
  const stopWatching = every(lookMs, watch, { clock, onError: (error) => report(error, 'heartbeat') })
  const stopExpiry = every(1000, dropExpired, { clock, onError: (error) => report(error, 'token expiry') })

  const ports: ClientPorts = {
    context,
    counters,
    bufferedBytes: limits.bufferedBytes,
    left(client) {
      if (all.delete(client)) byTransport[client.connection.transport] -= 1
      if (all.size === 0) onEmpty()
    },
    /** A peer that does not say goodbye in return must not keep it. */
    cut(client, code, reason) {
      attempt('end a connection', () => client.connection.end(code, reasonOf(reason)))
      client.gone()
      const cancel = clock.setTimeout(() => {
        leaving.delete(client)
        terminate(client)
      }, PATIENCE_MS)
      leaving.set(client, cancel)
    },
    dropped() {
      dropped += 1
    },
  }

  const endWhere = (isMeant: (claims: Claims) => boolean, reason: string, before = Infinity): number => {
    let count = 0
    for (const client of all) {
      if (client.since >= before) continue
      const { claims, memberships } = client.connection
      if (!isMeant(claims) && ![...memberships.values()].some((each) => isMeant(each.claims))) continue
      count += 1
      ports.cut(client, 1008, reason)
    }
    return count
  }

  return {
    get size() {
      return all.size
    },
    byTransport,
    get dropped() {
      return dropped
    },
    add(transport, claims, place) {
      const client = new FrameClient(transport, claims, place, ports)
      all.add(client)
      byTransport[transport.name] += 1
      return client
    },
    all: () => [...all],
    handOver(client, code, reason) {
      if (client instanceof FrameClient && all.has(client)) ports.cut(client, code, reason)
    },
    end: (ended, reason, before) => endWhere((claims) => fits(claims, ended), reason, before),
    endWhere: (isMeant, reason) => endWhere(isMeant, reason),
    kick(kicked, reason, before = Infinity) {
      let count = 0
      // By the rooms, not by all who are connected: as many topics may be told at once as there are bans.
      for (const membership of [true, false].flatMap((isPrivate) => [...rooms.members(kicked.topic, isPrivate)])) {
        if (!isOf(kicked, membership.claims, membership.private)) continue
        if ((membership.enteredAt ?? 0) >= before) continue
        count += 1
        attempt('send a member away', () => closeMembership(membership, reason, rooms))
      }
      return count
    },
    async close(reason) {
      stopExpiry()
      stopWatching()
      for (const [client, cancelTimer] of leaving) {
        cancelTimer()
        terminate(client)
      }
      leaving.clear()
      if (all.size === 0) return
      const empty = new Promise<void>((resolve) => (onEmpty = resolve))
      for (const { connection } of all) attempt('end a connection', () => connection.end(1001, reason))
      const cancel = clock.setTimeout(() => {
        for (const client of all) terminate(client)
      }, PATIENCE_MS)
      await empty
      cancel()
    },
  }
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
