/**
 * Returns the client's address as the outermost of our own proxies saw it, or `unknown`. Each proxy appends the address
 * that called it; anything before those entries is the client's own claim.
 *
 * @param proxies How many of your own proxies a request passes; see `proxies` of `createRoutes`. Default 1.
 */
export function clientAddress(request: Pick<Request, 'headers'>, proxies = 1): string {
  const hops = request.headers.get('x-forwarded-for')?.split(',') ?? []
  // Without a proxy, the client itself has set the header.
  const seen = proxies > 0 ? hops.at(-Math.min(proxies, hops.length))?.trim() : undefined
  return (seen && withoutPort(seen)) || 'unknown'
}

/**
 * Removes the port that some proxies append (Azure's, for one), which differs for each connection: `1.2.3.4:5678`,
 * `[::1]:99`. A bare IPv6 address has several colons and no port.
 *
 * Source: https://learn.microsoft.com/azure/application-gateway/how-application-gateway-works, `ip:port`; RFC 7239,
 * section 6.
 */
function withoutPort(hop: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d+)?|([^:]*):\d+)$/.exec(hop) ?? []
  return bracketed ?? plain ?? hop
}

/**
 * Returns what one customer of a network has: an IPv4 address, or the /64 of an IPv6 address, of which everybody has 2^64.
 * What is neither is returned as it is, up to 64 characters.
 */
export function addressGroup(address: string): string {
  const bare = address.slice(0, 64).replace(/%.*$/, '').toLowerCase()
  if (!bare.includes(':')) return bare
  const groups = groupsOf(bare.replace(/^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/, inGroups))
  if (!groups) return bare
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups
  // An IPv4 address in the form of IPv6. Source: RFC 4291, section 2.5.5.2.
  if (a + b + c + d + e === 0 && f === 0xffff) return [g >> 8, g & 255, h >> 8, h & 255].join('.')
  return `${[a, b, c, d].map((group) => group.toString(16)).join(':')}::/64`
}

/** Writes the last four bytes, in decimal, as the two groups that they are. */
function inGroups(_: string, head: string, ...bytes: string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number)
  return `${head}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

function groupsOf(address: string): number[] | undefined {
  const [head = '', tail, ...more] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = 8 - left.length - right.length
  if (more.length > 0 || (tail === undefined ? zeros !== 0 : zeros < 1)) return undefined
  const all = [...left, ...Array.from({ length: zeros }, () => '0'), ...right]
  return all.every((group) => /^[\da-f]{1,4}$/.test(group)) ? all.map((group) => parseInt(group, 16)) : undefined
}
