import type { IncomingMessage } from 'node:http'
import { addressGroup } from '@msc/core/http-request'

/** All requests whose address could not be found out are counted together. */
export const UNKNOWN = 'unknown'

/**
 * The key under which an address is counted: an IPv4 address as it is, also where it is written as an IPv6 one; of an IPv6
 * address its first 64 bits, since a household or an attacker has all of the other 64.
 */
export function addressKey(address: unknown): string {
  return (typeof address === 'string' && addressGroup(address.trim())) || UNKNOWN
}

/** The address of whoever is at the other end of the request's connection: a client, or the proxy nearest to this server. */
export const peerAddress = (request: IncomingMessage): string => request.socket.remoteAddress ?? ''
