import type { IncomingMessage } from 'node:http'
import { isIPv4, isIPv6 } from 'node:net'

/** All requests whose address could not be found out are counted together. */
export const UNKNOWN = 'unknown'

/**
 * The key under which an address is counted: an IPv4 address as it is, also where it is written as an IPv6 one; of an IPv6
 * address its first 64 bits, since a household or an attacker has all of the other 64.
 */
export function addressKey(address: unknown): string {
  if (typeof address !== 'string') return UNKNOWN
  // A zone names an interface of this machine, and brackets belong to a URL.
  const text = address
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '')
    .toLowerCase()
  if (isIPv4(text)) return text
  if (!isIPv6(text)) return UNKNOWN
  const groups = groupsOf(text)
  const [a = 0, b = 0] = groups.slice(6)
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [a >> 8, a & 255, b >> 8, b & 255].join('.')
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

/** The eight 16-bit groups of a valid IPv6 address. */
function groupsOf(text: string): number[] {
  const hexadecimal = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_match, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [head = '', tail] = hexadecimal.split('::')
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const [before, after] = [parse(head), parse(tail ?? '')]
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

/** The address of whoever is at the other end of the request's connection: a client, or the proxy nearest to this server. */
export const peerAddress = (request: IncomingMessage): string => request.socket.remoteAddress ?? ''
