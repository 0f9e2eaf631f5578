import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limitsFrom } from './limits.ts'
import { addressKey } from './address.ts'
import { Admission, Place, whoIs } from './admission.ts'

const claims = { role: 'authenticated', exp: 4e9 }

describe('the key of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0000:0000:ffff:ffff:ffff:ffff', '2001:db8:0:0::/64'],
    ['[2001:db8:1:2::3]', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', 'unknown'],
    ['192.0.2.1, 10.0.0.1', 'unknown'],
    ['<script>', 'unknown'],
  ])('of %s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key)
  })

  it('is the same for all of a /64, and nothing but a short text for whatever is given', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16))
    fc.assert(
      fc.property(fc.tuple(group, group, group, group), fc.tuple(group, group, group, group), (network, host) => {
        const key = addressKey([...network, ...host].join(':'))
        fc.pre(key.endsWith('/64'))
        expect(key).toBe(`${network.map((each) => Number.parseInt(each, 16).toString(16)).join(':')}::/64`)
      }),
    )
    fc.assert(
      fc.property(fc.anything(), (given) => {
        expect(addressKey(given).length).toBeLessThan(64)
      }),
    )
  })
})

describe('the tables of accounts and addresses', () => {
  it('stay within their bound, and forget nobody who has something open', () => {
    const admission = new Admission(limitsFrom({ remembered: 100, perAccount: { sockets: 1 } }), createManualClock())
    const place = admission.enter(whoIs({ ...claims, sub: 'here' }, '192.0.2.1'), 'sockets') as Place
    for (let n = 0; n < 5000; n++) {
      // A subject of any length has a key of the same.
      const who = whoIs({ ...claims, sub: `${n}:${'x'.repeat(1000)}` }, `198.51.${n >> 8}.${n & 255}`)
      expect(admission.take(who, { requestsPerMinute: 1 })).toBeUndefined()
    }
    expect(admission.known).toEqual({ accounts: 101, addresses: 101 })
    expect(admission.enter(whoIs({ ...claims, sub: 'here' }, '192.0.2.1'), 'sockets')).toMatchObject({
      limit: 'sockets',
    })
    place.leave()
    place.leave()
    expect(admission.known).toEqual({ accounts: 100, addresses: 100 })
    expect(admission.enter(whoIs({ ...claims, sub: 'here' }, '192.0.2.1'), 'sockets')).toBeInstanceOf(Place)
  })

  it.each(['__proto__', 'constructor', 'hasOwnProperty', ' '])(
    'know %s for the name of an account like any other',
    (sub) => {
      const admission = new Admission(limitsFrom({ perAccount: { sockets: 1 } }), createManualClock())
      expect(admission.enter(whoIs({ ...claims, sub }, undefined), 'sockets')).toBeInstanceOf(Place)
      expect(admission.enter(whoIs({ ...claims, sub }, undefined), 'sockets')).toMatchObject({ of: 'account' })
      expect(admission.enter(whoIs({ ...claims, sub: 'other' }, undefined), 'sockets')).toBeInstanceOf(Place)
    },
  )

  it('use up nothing of an address for what the account may not', () => {
    const limits = limitsFrom({ perAccount: { requestsPerMinute: 1 }, perAddress: { requestsPerMinute: 3 } })
    const admission = new Admission(limits, createManualClock())
    const ask = (sub: string) => admission.take(whoIs({ ...claims, sub }, '192.0.2.1'), { requestsPerMinute: 1 })
    for (let n = 0; n < 10; n++) ask('a')
    expect([ask('b'), ask('c')]).toEqual([undefined, undefined])
    expect(ask('d')).toMatchObject({ of: 'address' })
  })

  it('give back exactly what was taken, whatever comes and goes in whatever order', () => {
    const step = fc.record({
      who: fc.constantFrom('a', 'b', undefined),
      address: fc.constantFrom('192.0.2.1', '192.0.2.2', undefined),
      gauge: fc.constantFrom('sockets' as const, 'eventStreams' as const),
      topics: fc.nat(3),
      frees: fc.nat(5),
      becomes: fc.constantFrom('a', 'b', undefined),
    })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
        (steps, picks) => {
          const admission = new Admission(
            limitsFrom({ remembered: 1, perAccount: { sockets: 2, topics: 4 }, perAddress: { sockets: 3, topics: 5 } }),
            createManualClock(),
          )
          const places: Place[] = []
          for (const [index, { who, address, gauge, topics, frees, becomes }] of steps.entries()) {
            const place = admission.enter({ account: who, address }, gauge)
            if (place instanceof Place) {
              places.push(place)
              place.takeTopics(topics)
              place.freeTopics(frees)
              place.become({ ...claims, ...(becomes !== undefined && { sub: becomes }) })
            }
            const pick = picks[index] ?? 0
            if (places.length > 0 && pick % 3 === 0) places.splice(pick % places.length, 1)[0]?.leave()
          }
          for (const place of places) place.leave()
          // Nothing is held any more, so all but those that are remembered are forgotten, and there is room for all again.
          expect(admission.known.accounts).toBeLessThanOrEqual(1)
          expect(admission.known.addresses).toBeLessThanOrEqual(1)
          for (const account of ['a', 'b']) {
            expect(admission.hold({ account, address: undefined }, { sockets: 2, topics: 4 })).toBeUndefined()
          }
        },
      ),
    )
  })

  it('let no more through in any time than the limit says, and as much again after it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(20_000), { maxLength: 200 }), (limit, pauses) => {
        const clock = createManualClock()
        let time = 0
        const admission = new Admission(limitsFrom({ perAccount: { requestsPerMinute: limit } }), {
          ...clock,
          monotonic: () => time,
        })
        let taken = 0
        for (const pause of pauses) {
          time += pause
          if (!admission.take({ account: 'a' }, { requestsPerMinute: 1 })) taken += 1
        }
        expect(taken).toBeLessThanOrEqual(limit + (time / 60_000) * limit + 1e-6)
        time += 60_001
        for (let n = 0; n < limit; n++)
          expect(admission.take({ account: 'a' }, { requestsPerMinute: 1 })).toBeUndefined()
        const refusal = admission.take({ account: 'a' }, { requestsPerMinute: 1 })
        expect(refusal?.retryAfterMs).toBeGreaterThan(0)
        time += refusal?.retryAfterMs ?? 0
        expect(admission.take({ account: 'a' }, { requestsPerMinute: 1 })).toBeUndefined()
      }),
    )
  })
})
