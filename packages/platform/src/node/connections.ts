import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { assertMethods, assertNumbers } from '@msc/core'
import { addressGroup } from '@msc/core/http-request'

export interface ConnectionLimits {
  /**
   * Connections of all clients together. Default 5 000. When there are as many, a further one gets the place of the latest one from the
   * address that has the most, or is closed at once if no address has more than its own.
   */
  readonly most?: number
  /**
   * Connections from one address, IPv6 by /64. Default 500, for an office; behind a proxy, whose connections they all are, pass
   * `Infinity` and let the proxy limit them.
   */
  readonly perAddress?: number
  /**
   * Milliseconds after which a connection is closed on which nothing moves: also one whose client does not read its answer. Sockets
   * that were upgraded have their own rules, and a stream has to send something in that time. Default 120 000.
   */
  readonly idleMs?: number
}

/**
 * Limits the connections of a server, so that nobody holds all of them: Node.js itself limits how long a request may arrive, but
 * neither how many are open nor how long an answer is not read.
 *
 * @throws ConfigError `OPTION_INVALID` for a number below 1, one with a fraction, and a time that no timer can take.
 */
export function limitConnections(server: Server, limits: ConnectionLimits = {}): void {
  assertMethods('platform', 'server', server, ['on', 'setTimeout'])
  assertNumbers('platform', limits, {
    most: 1,
    perAddress: { least: 1, most: Infinity },
    // Longer than any timer of Node.js it would be cut, with a warning for each connection.
    idleMs: { least: 1, most: 2 ** 31 - 1 },
  })
  const { most = 5000, perAddress = 500, idleMs = 120_000 } = limits
  // Without a listener the server itself ends what has timed out.
  server.setTimeout(idleMs)
  const open = new Map<string, Set<Socket>>()
  let count = 0
  const drop = (address: string, socket: Socket): void => {
    const sockets = open.get(address)
    if (!sockets?.delete(socket)) return
    count -= 1
    if (sockets.size === 0) open.delete(address)
  }
  /** Closes the latest connection of the address that has the most, and more than `moreThan`. */
  const takeAway = (moreThan: number): boolean => {
    let found: readonly [string, ReadonlySet<Socket>] | undefined
    for (const entry of open) if (entry[1].size > (found?.[1].size ?? moreThan)) found = entry
    const latest = found && [...found[1]].at(-1)
    if (!found || !latest) return false
    // Its `close` comes later, and the place is needed now.
    drop(found[0], latest)
    latest.destroy()
    return true
  }
  server.on('connection', (socket: Socket) => {
    const address = addressGroup(socket.remoteAddress ?? '') ?? 'unknown'
    const own = open.get(address)?.size ?? 0
    if (own >= perAddress || (count >= most && !takeAway(own + 1))) {
      socket.destroy()
      return
    }
    count += 1
    const sockets = open.get(address)
    if (sockets) sockets.add(socket)
    else open.set(address, new Set([socket]))
    socket.once('close', () => drop(address, socket))
  })
}
