import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UNKNOWN_ADDRESS, clientAddress, stampClientAddress, type ClientAddressOptions } from './client-address.ts'

const seen = (options: ClientAddressOptions | undefined, headers: Record<string, string>, peer?: string): string =>
  clientAddress({ headers: new Headers(headers), peer }, options)

describe('the address of a client', () => {
  it.each<readonly [ClientAddressOptions | undefined, string, string]>([
    [undefined, '203.0.113.7', '192.0.2.9'],
    [{ trustedHops: 0 }, '203.0.113.7', '192.0.2.9'],
    [{ trustedHops: 1 }, '203.0.113.7', '203.0.113.7'],
    [{ trustedHops: 1 }, 'made up, 198.51.100.1, 203.0.113.7', '203.0.113.7'],
    [{ trustedHops: 2 }, 'made up, 203.0.113.7, 10.0.0.1', '203.0.113.7'],
    // Fewer entries than proxies: whoever sent this has gone round them.
    [{ trustedHops: 2 }, '203.0.113.7', '192.0.2.9'],
    [{ trustedHops: 3 }, ',,', '192.0.2.9'],
    [{ trustedHops: 1 }, '', '192.0.2.9'],
    [{ trustedHops: 1 }, '203.0.113.7, ', '192.0.2.9'],
    [{ trustedHops: 1 }, '1.2.3.4:5678', '1.2.3.4'],
    [{ trustedHops: 2 }, '1.2.3.4:5678, 10.0.0.1:80', '1.2.3.4'],
    [{ trustedHops: 1 }, '[2001:db8:1:2:3::1]:99', '2001:db8:1:2::/64'],
    [{ trustedHops: 1 }, '"[2001:db8::1]"', '2001:db8:0:0::/64'],
    [{ trustedHops: 1 }, '2001:DB8::ffff', '2001:db8:0:0::/64'],
    [{ trustedHops: 1 }, '::ffff:1.2.3.4', '1.2.3.4'],
    [{ trustedHops: 1 }, '::ffff:102:304', '1.2.3.4'],
    [{ trustedHops: 1 }, 'fe80::1%eth0', 'fe80:0:0:0::/64'],
    [{ trustedHops: 1 }, ':80', '192.0.2.9'],
    [{ trustedHops: 1 }, '1.2.3', '192.0.2.9'],
    [{ trustedHops: 1 }, '256.1.1.1', '192.0.2.9'],
    [{ trustedHops: 1 }, '1.2.3.04', '192.0.2.9'],
    [{ trustedHops: 1 }, '::1::', '192.0.2.9'],
    [{ trustedHops: 1 }, '1:2:3:4:5:6:7:8:9', '192.0.2.9'],
    [{ trustedHops: 1 }, 'unknown', '192.0.2.9'],
    [{ trustedHops: 1 }, `${'1'.repeat(10_000)}.2.3.4`, '192.0.2.9'],
  ])('with %j, X-Forwarded-For %j and a peer is %s', (options, forwarded, expected) => {
    expect(seen(options, { 'x-forwarded-for': forwarded }, '192.0.2.9')).toBe(expected)
  })

  it('is what the platform says, before what proxies say', () => {
    const options = { trustedHops: 1, header: 'x-vercel-forwarded-for' }
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-vercel-forwarded-for': '198.51.100.4' }
    expect(seen(options, headers)).toBe('198.51.100.4')
    expect(seen({ header: 'x-vercel-forwarded-for' }, { 'x-forwarded-for': '203.0.113.7' })).toBe(UNKNOWN_ADDRESS)
  })

  it('is one network for all that a subscriber of IPv6 can choose, and the same however it is written', () => {
    const group = fc.integer({ min: 0, max: 0xffff })
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const full = groups.map((each) => each.toString(16)).join(':')
        const short = new URL(`http://[${full}]`).hostname
        const network = seen({ trustedHops: 1 }, { 'x-forwarded-for': full })
        expect(seen({ trustedHops: 1 }, { 'x-forwarded-for': short })).toBe(network)
        const neighbour = [...groups.slice(0, 4), 1, 2, 3, 4].map((each) => each.toString(16)).join(':')
        if (!isMapped(groups)) expect(seen({ trustedHops: 1 }, { 'x-forwarded-for': neighbour })).toBe(network)
      }),
    )
  })

  it('knows an address where Node does, and nothing else', () => {
    const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.stringMatching(/^[\d.:a-f]{1,30}$/))
    fc.assert(
      fc.property(text, (given) => {
        const known = seen(undefined, {}, given) !== UNKNOWN_ADDRESS
        if (isIPv4(given) || isIPv6(given)) expect(known).toBe(true)
        // A port and brackets are allowed too.
        else if (!/[%[\]]|^[\d.]+:\d+$/.test(given)) expect(known).toBe(false)
      }),
    )
  })
})

const isMapped = (groups: readonly number[]): boolean => groups.slice(0, 5).every((each) => each === 0)

describe('a request that a server has stamped', () => {
  it('is counted by the address of its peer, whatever it claims', () => {
    const headers: Record<string, string | string[] | undefined> = {
      'x-msc-client-address': 'made up',
      'x-forwarded-for': '203.0.113.7',
    }
    const request = { headers, socket: { remoteAddress: '::ffff:192.0.2.9' } }
    expect(stampClientAddress(request)).toBe('192.0.2.9')
    const behind = { headers: new Headers(headers as Record<string, string>) }
    expect(clientAddress(behind)).toBe('192.0.2.9')
    expect(clientAddress(behind, { trustedHops: 1 })).toBe('192.0.2.9')
  })

  it('is not one that a client has stamped', () => {
    expect(seen(undefined, { 'x-msc-client-address': '00 192.0.2.9' }, '198.51.100.4')).toBe('198.51.100.4')
  })

  it('counts by the hops of the server', () => {
    const headers = { 'x-forwarded-for': 'made up, 203.0.113.7' }
    expect(stampClientAddress({ headers, socket: {} }, { trustedHops: 1 })).toBe('203.0.113.7')
    expect(stampClientAddress({ headers: {}, socket: {} })).toBe(UNKNOWN_ADDRESS)
  })
})
