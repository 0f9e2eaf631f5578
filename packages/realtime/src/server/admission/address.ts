import type { IncomingMessage } from 'node:http'
import { addressGroup } from '@msc/core/http-request'
import type { Runtime } from '../runtime.ts'

/** All requests whose address could not be found out are counted together. */
const UNKNOWN = 'unknown'

/**
 * The key under which an address is counted: an IPv4 address as it is, also where it is written as an IPv6 one; of an IPv6
 * address its first 64 bits, since a household or an attacker has all of the other 64.
 */
export function addressKey(address: unknown): string {
  return (typeof address === 'string' && addressGroup(address.trim())) || UNKNOWN
}

/** The address of whoever is at the other end of the request's connection: a client, or the proxy nearest to this server. */
export const peerAddress = (request: IncomingMessage): string => request.socket.remoteAddress ?? ''

/** How often a callback that throws is reported: it would otherwise be once for each request. */
const REPORT_EVERY_MS = 60_000

/** Finds the address of a request, by which the limits count it. Never throws. */
export function createAddressOf(
  clientAddress: (request: IncomingMessage) => string,
  { clock, report }: Runtime,
): (request: IncomingMessage) => string {
  let reportedAt = Number.NEGATIVE_INFINITY
  return (request) => {
    try {
      return addressKey(clientAddress(request))
    } catch (error) {
      const now = clock.monotonic()
      if (now - reportedAt >= REPORT_EVERY_MS) {
        reportedAt = now
        report(error, 'clientAddress')
      }
      return UNKNOWN
    }
  }
}
