import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressGroup } from './address-group.ts'

describe('the group of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:5678', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['[2001:db8::1]:443', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['2001:db8:0:0::/64', '2001:db8:0:0::/64'],
    ['unknown', undefined],
    ['1:2:3', undefined],
    ['1::2::3', undefined],
    ['::1/64', undefined],
    ['', undefined],
  ])('of %s is %s', (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })

  it('is known where Node knows an address, is its own group, and is the same for a whole /64', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((each) => each.toString(16))
    const four = fc.tuple(group, group, group, group)
    fc.assert(
      fc.property(four, four, four, (head, one, other) => {
        fc.pre(head.some((each) => each !== '0'))
        const first = addressGroup([...head, ...one].join(':'))
        expect(addressGroup([...head, ...other].join(':').toUpperCase())).toBe(first)
        expect(addressGroup(first as string)).toBe(first)
      }),
    )
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.stringMatching(/^[\d.:a-f]{1,30}$/)), (text) => {
        if (isIPv4(text) || isIPv6(text)) expect(addressGroup(text)).toBeDefined()
        else if (!/[%[\]/]|^[\d.]+:\d+$/.test(text)) expect(addressGroup(text)).toBeUndefined()
      }),
    )
  })
})
