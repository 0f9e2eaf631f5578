import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressGroup, clientAddress } from './client-address.ts'

const from = (header: string | undefined, proxies?: number): string =>
  clientAddress(
    new Request('http://a.example/', header === undefined ? {} : { headers: { 'x-forwarded-for': header } }),
    proxies,
  )

describe('the address of a client', () => {
  it('is the one that the outermost of our proxies saw, not what the client claims', () => {
    expect(from('1.1.1.1, 192.0.2.1')).toBe('192.0.2.1')
    expect(from('1.1.1.1, 192.0.2.1, 10.0.0.1', 2)).toBe('192.0.2.1')
    expect(from('[2001:db8::1]:443')).toBe('2001:db8::1')
    expect(from('192.0.2.1:5678')).toBe('192.0.2.1')
    expect(from('192.0.2.1', 0)).toBe('unknown')
    expect(from(undefined)).toBe('unknown')
  })
})

describe('the group of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['unknown', 'unknown'],
    ['1:2:3', '1:2:3'],
    ['1::2::3', '1::2::3'],
    ['', ''],
  ])('of %s is %s', (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })

  it('is the same for all addresses of one /64, however they are written, and never throws', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((each) => each.toString(16))
    const tail = fc.tuple(group, group, group, group)
    fc.assert(
      fc.property(fc.tuple(group, group, group, group), tail, tail, (head, one, other) => {
        fc.pre(head.some((each) => each !== '0'))
        const write = (rest: readonly string[]): string => [...head, ...rest].join(':')
        expect(addressGroup(write(one))).toBe(addressGroup(write(other).toUpperCase()))
      }),
    )
    fc.assert(fc.property(fc.string(), (text) => addressGroup(text).length <= 64))
  })
})
