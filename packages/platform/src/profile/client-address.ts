import { ConfigError, assertNumbers, processSlot, randomHex } from '@msc/core'
import { addressGroup } from '@msc/core/http-request'

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
 * has not come their way, and the peer's address counts; so it does where an entry is no address.
 *
 * @throws ConfigError `OPTION_INVALID` for options by which clients would be counted by what they say of themselves.
 */
export function clientAddress(request: AddressedRequest, options: ClientAddressOptions = {}): string {
  assertClientAddress(options)
  const stamped = readStamp(request.headers.get(STAMP))
  if (stamped !== undefined) return stamped
  const { trustedHops = 0, header } = options
  const seen = [
    header === undefined ? undefined : entryFromRight(request.headers.get(header), 1),
    trustedHops > 0 ? entryFromRight(request.headers.get('x-forwarded-for'), trustedHops) : undefined,
    request.peer,
  ]
  for (const each of seen) {
    const group = each === undefined ? undefined : addressGroup(each)
    if (group !== undefined) return group
  }
  return UNKNOWN_ADDRESS
}

/**
 * Refuses options that would count clients by what they say of themselves.
 *
 * @param inside The option that these are the value of.
 * @throws ConfigError `OPTION_INVALID`.
 */
export function assertClientAddress(options: ClientAddressOptions, inside?: string): void {
  assertNumbers('platform', options, { trustedHops: 0 }, inside)
  const { header } = options
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
 * @throws ConfigError `OPTION_INVALID`.
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
