/**
 * Returns what one customer of a network has, by which callers are counted: an IPv4 address, also where it is written as one of
 * IPv6, or the /64 of an IPv6 address, of which everybody has 2^64 (RFC 6177). Returns `undefined` for what is no address, and a
 * group as it is.
 *
 * Leaves out the port that some proxies append, which differs for each connection (Azure's: `ip:port`; RFC 7239, section 6:
 * `[::1]:99`), and the zone of a link-local address.
 */
export function addressGroup(text: string): string | undefined {
  if (text.length > 100) return undefined
  if (/^(?:[\da-f]{1,4}:){4}:\/64$/.test(text)) return text
  const [, bracketed, plain] = /^(?:"?\[([^\]]*)\](?::\d+)?"?|([\d.]+):\d+)$/.exec(text) ?? []
  const bare = (bracketed ?? plain ?? text).split('%', 1)[0] as string
  return ipv4(bare) ?? ipv6(bare)
}

function ipv4(text: string): string | undefined {
  const parts = text.split('.')
  const isAddress = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  return isAddress ? text : undefined
}

/** Of an address that stands for one of IPv4 (`::ffff:1.2.3.4`, RFC 4291, section 2.5.5.2) that one, otherwise its /64. */
function ipv6(text: string): string | undefined {
  const groups = groupsOf(text)
  if (!groups) return undefined
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [high, low] = groups.slice(6) as [number, number]
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

function groupsOf(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2 || text.includes(':::')) return undefined
  const [left, right] = halves.map(halfOf)
  if (!left || (halves.length === 2 && !right)) return undefined
  const missing = 8 - left.length - (right?.length ?? 0)
  if (right ? missing < 1 : missing !== 0) return undefined
  return [...left, ...Array.from<number>({ length: right ? missing : 0 }).fill(0), ...(right ?? [])]
}

function halfOf(text: string): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const mapped = index === parts.length - 1 && part.includes('.') ? ipv4(part) : undefined
    if (mapped !== undefined) {
      const [a, b, c, d] = mapped.split('.').map(Number) as [number, number, number, number]
      groups.push(a * 256 + b, c * 256 + d)
    } else if (/^[\da-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16))
    } else return undefined
  }
  return groups
}
