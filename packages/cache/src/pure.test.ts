import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode, encode } from './codec.ts'
import { createCache } from './create-cache.ts'
import { createCacheFromEnv } from './default-cache.ts'
import { memory } from './drivers/memory.ts'
import { redis } from './drivers/redis.ts'
import { escapeGlob, globToRegExp, isGlob, unescapeGlob } from './glob.ts'
import { keyName, queryKey } from './keys.ts'
import { rateLimitHeaders } from './rate-limit-response.ts'

describe('glob', () => {
  it('takes every character but the wildcards and the backslash for itself', () => {
    const all = Array.from({ length: 0x2ff }, (_, code) => String.fromCodePoint(code + 1))
    for (const char of all.filter((each) => !'*?\\'.includes(each))) {
      expect(globToRegExp(`${char}*`).test(`${char}rest`), char).toBe(true)
      expect(globToRegExp(`${char}*`).test(`\u{1F3B5}rest`), char).toBe(false)
    }
  })

  it('escapes any text into a pattern that matches it alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (text, other) => {
        const pattern = escapeGlob(text)
        expect(isGlob(pattern)).toBe(false)
        expect(unescapeGlob(pattern)).toBe(text)
        expect(globToRegExp(pattern).test(text)).toBe(true)
        if (other !== text) expect(globToRegExp(pattern).test(other)).toBe(false)
      }),
    )
  })
  it('does not hang on many stars', () => {
    expect(globToRegExp('*'.repeat(500)).test('x'.repeat(5000))).toBe(true)
  })
})

describe('codec', () => {
  it('gives back any plain value', () => {
    const value = fc.anything({
      // Refused: a reader that assigns it would change the prototype of what it reads.
      key: fc.string().filter((key) => key !== '__proto__'),
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withNullPrototype: false,
    })
    fc.assert(
      fc.property(fc.record({ value }), (input) => {
        const decoded = decode(encode(input))
        expect(decoded).toEqual({ ok: true, value: input })
      }),
    )
  })
  it('refuses a key that would set a prototype', () => {
    const value: unknown = JSON.parse('{"at":{"__proto__":{"admin":true}}}')
    expect(() => encode(value)).toThrow(expect.objectContaining({ code: 'CACHE_VALUE_UNSERIALISABLE' }))
  })
  it('takes any other text for a miss', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const decoded = decode(text)
        expect(typeof decoded.ok).toBe('boolean')
      }),
    )
    expect(decode('{"a":1}')).toEqual({ ok: false })
    expect(decode('1not json')).toEqual({ ok: false })
  })
})

describe('keys', () => {
  it('orders the properties of a query', () => {
    const record = fc.dictionary(
      fc.string(),
      fc.oneof(fc.integer(), fc.string(), fc.dictionary(fc.string(), fc.integer())),
    )
    fc.assert(
      fc.property(record, (params) => {
        const reversed = Object.fromEntries(Object.entries(params).reverse())
        expect(queryKey('q', reversed)).toBe(queryKey('q', params))
      }),
    )
  })
  it('tells parameters apart that print alike', () => {
    expect(queryKey('q', { a: 1 })).not.toBe(queryKey('q', { a: '1' }))
    expect(queryKey('q', [1, 2])).not.toBe(queryKey('q', [2, 1]))
  })
  it('are well-formed text, and those of a store without a wildcard match themselves alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { minLength: 1, maxLength: 600 }), (units) => {
        const key = String.fromCharCode(...units)
        const name = keyName(key)
        expect(name.length).toBeLessThanOrEqual(512)
        expect(Buffer.from(name).toString()).toBe(name)
        expect(globToRegExp(escapeGlob(name)).test(name)).toBe(true)
      }),
    )
  })
  it('bounds the length', () => {
    expect(keyName('k'.repeat(100_000)).length).toBeLessThan(600)
  })
})

it('writes the header fields of the draft', () => {
  const result = { allowed: false, limit: 100, remaining: 0, resetAt: 31_500, retryAfter: 31, windowSeconds: 60 }
  expect(rateLimitHeaders(result, { name: 'api', windowSeconds: 60 }, 1000)).toEqual({
    'RateLimit-Policy': '"api";q=100;w=60',
    RateLimit: '"api";r=0;t=31',
    'Retry-After': '31',
  })
})

describe('choosing the backend', () => {
  it('takes Upstash when both variables are set, memory when none is', () => {
    expect(
      createCacheFromEnv({}, { UPSTASH_REDIS_REST_URL: 'https://a.upstash.io', UPSTASH_REDIS_REST_TOKEN: 't' })
        .driverName,
    ).toBe('upstash')
    expect(createCacheFromEnv({}, { REDIS_URL: 'redis://127.0.0.1:6379' }).driverName).toBe('redis')
    expect(createCacheFromEnv({}, { MSC_QUIET: '1' }).driverName).toBe('memory')
  })
  it('says what is wrong before it is used', () => {
    expect(() => createCacheFromEnv({}, { UPSTASH_REDIS_REST_URL: 'https://a.upstash.io' })).toThrow(
      /UPSTASH_REDIS_REST_TOKEN/,
    )
    expect(() => createCacheFromEnv({}, { REDIS_URL: 'localhost' })).toThrow(/REDIS_URL/)
    const swapped = { UPSTASH_REDIS_REST_URL: 'a-token', UPSTASH_REDIS_REST_TOKEN: 'https://a.upstash.io' }
    expect(() => createCacheFromEnv({}, swapped)).toThrow(/^(?!.*a-token).*not an http or https URL/)
    expect(() => createCache({ driver: memory(), namespace: 'a:b' })).toThrow(/namespace/)
    const { coordination: _coordination, ...plain } = redis({ url: 'redis://127.0.0.1:1' })
    expect(() => createCache({ driver: plain, local: true })).toThrow(/local/)
  })
  it('refuses memory in production unless it is allowed', () => {
    expect(() => createCacheFromEnv({}, { NODE_ENV: 'production' })).toThrow(/MSC_ALLOW_EMBEDDED|no backend/)
    expect(
      createCacheFromEnv({}, { NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: 'cache', MSC_QUIET: '1' }).driverName,
    ).toBe('memory')
  })
})
