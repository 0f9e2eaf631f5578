import { ConfigError, processSlot, randomHex } from '@msc/core'

export interface ClientAddressOptions {
  /**
   * How many of your own proxies a request passes, each of which appends the address that called it to `X-Forwarded-For`.
   * Default 0: that header is the client's own claim, and is ignored.
   */
  readonly trustedHops?: number
  /**
   * The header in which a platform puts the client's address, and which no client can set, such as
   * `x-vercel-forwarded-for`. It decides before `trustedHops`.
   */
  readonly header?: string
}

/** What is known of a request: its headers, and the address at the other end of the connection where that is known. */
export interface AddressedRequest {
  readonly headers: { get(name: string): string | null }
  /** Not known to a web-standard handler, which sees headers only. */
  readonly peer?: string | undefined
}

/** Of requests whose address is not known. They share one limit. */
export const UNKNOWN_ADDRESS = 'unknown'

/** Set by {@link stampClientAddress} only. */
const STAMP = 'x-msc-client-address'

/**
 * Returns the address that a client is counted by: of IPv4 the whole, of IPv6 the network of 64 bits, which one
 * subscriber has (RFC 6177), or `unknown`. Each proxy appends the address that called it; anything before the entries of
 * one's own proxies is the client's claim, so entries are counted from the right. With fewer entries than proxies the request
 * has not come their way, and the peer's address counts.
 */
export function clientAddress(request: AddressedRequest, options: ClientAddressOptions = {}): string {
  const stamped = readStamp(request.headers.get(STAMP))
  if (stamped !== undefined) return stamped
  const { trustedHops = 0, header } = options
  const seen =
    (header !== undefined && entryFromRight(request.headers.get(header), 1)) ||
    (trustedHops > 0 && entryFromRight(request.headers.get('x-forwarded-for'), trustedHops)) ||
    request.peer
  return (seen && networkOf(seen)) || UNKNOWN_ADDRESS
}

/**
 * Refuses options that would count clients by what they say of themselves.
 *
 * @throws ConfigError `OPTION_INVALID`.
 */
export function assertClientAddress({ trustedHops = 0, header }: ClientAddressOptions): void {
  if (!Number.isInteger(trustedHops) || trustedHops < 0) {
    throw new ConfigError(
      `[msc/platform] \`trustedHops\` must be a whole number of at least 0; it is ${String(trustedHops)}.`,
      { code: 'OPTION_INVALID', hint: 'Pass how many of your own proxies a request passes.' },
    )
  }
  if (header !== undefined && (typeof header !== 'string' || !/^[A-Za-z][A-Za-z\d-]*$/.test(header))) {
    throw new ConfigError('[msc/platform] `header` is not the name of a header.', {
      code: 'OPTION_INVALID',
      hint: 'Pass the name of the header that your platform sets, such as x-vercel-forwarded-for.',
    })
  }
}

/**
 * Writes the client's address into the headers of a request, for the handlers behind this server: a server of one's own
 * sees the peer's address, which web-standard handlers do not. What a client has sent under that name is overwritten. The
 * value carries a word that is made anew in each process, so that none but this process can write it.
 *
 * @param request Of `node:http`.
 * @returns The address; see {@link clientAddress}.
 */
export function stampClientAddress(
  request: {
    readonly headers: Record<string, string | string[] | undefined>
    readonly socket: { readonly remoteAddress?: string | undefined }
  },
  options: ClientAddressOptions = {},
): string {
  const { headers, socket } = request
  delete headers[STAMP]
  const get = (name: string): string | null => {
    const value = headers[name.toLowerCase()]
    return (Array.isArray(value) ? value.join(',') : value) ?? null
  }
  const address = clientAddress({ headers: { get }, peer: socket.remoteAddress }, options)
  headers[STAMP] = `${word()} ${address}`
  return address
}

const word = (): string => processSlot('platform/address-stamp', () => ({ word: randomHex(16) })).word

function readStamp(value: string | null): string | undefined {
  if (value === null) return undefined
  const own = `${word()} `
  return value.startsWith(own) ? value.slice(own.length) : undefined
}

/** Returns the `nth` entry of a list, counted from the right from 1, or `undefined` where there are fewer. */
function entryFromRight(list: string | null, nth: number): string | undefined {
  let rest = list ?? ''
  for (let place = 1; place < nth; place++) {
    const comma = rest.lastIndexOf(',')
    if (comma < 0) return undefined
    rest = rest.slice(0, comma)
  }
  return rest.slice(rest.lastIndexOf(',') + 1).trim() || undefined
}

/**
 * Returns the network of an address, or `undefined` for what is none. Removes the port that some proxies append, which
 * differs for each connection (Azure's: `ip:port`; RFC 7239, section 6: `[::1]:99`), and the zone of a link-local address.
 */
function networkOf(text: string): string | undefined {
  if (text.length > 100) return undefined
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
