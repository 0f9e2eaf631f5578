import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { assertMethods, assertNumbers } from '@msc/core'
import { addressGroup } from '@msc/core/http-request'

export interface ConnectionLimits {
  /** Connections of all clients together; further ones are closed at once. Default 5 000. */
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
  server.maxConnections = most
  // Without a listener the server itself ends what has timed out.
  server.setTimeout(idleMs)
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const address = addressGroup(socket.remoteAddress ?? '') ?? 'unknown'
    const count = (open.get(address) ?? 0) + 1
    if (count > perAddress) {
      socket.destroy()
      return
    }
    open.set(address, count)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left > 0) open.set(address, left)
      else open.delete(address)
    })
  })
}
