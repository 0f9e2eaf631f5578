import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idempotentId, parseIdempotencyKey } from './idempotency-key.ts'

describe('an Idempotency-Key', () => {
  it.each([
    ['abc', 'abc'],
    ['"abc"', 'abc'],
    [' "8e03978e-40d5-43e8-bc93-6894a57f9324" ', '8e03978e-40d5-43e8-bc93-6894a57f9324'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['x'.repeat(255), 'x'.repeat(255)],
    ['x'.repeat(256), undefined],
    ['', undefined],
    ['""', undefined],
    ['"abc', undefined],
    ['"abc"; p=1', undefined],
    ['"a", "b"', undefined],
    ['a, b', undefined],
    ['"a b"', undefined],
    ['a\u00e9', undefined],
    ['"a\\n"', undefined],
  ])('%s is read as %s', (field, key) => {
    expect(parseIdempotencyKey(field)).toBe(key)
  })

  it('is the same bare and quoted, for every key that does not begin with a quote', () => {
    const visible = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 255,
    })
    fc.assert(
      fc.property(visible, (key) => {
        fc.pre(!key.startsWith('"'))
        expect(parseIdempotencyKey(key)).toBe(key)
        expect(parseIdempotencyKey(`"${key.replaceAll(/["\\]/g, '\\$&')}"`)).toBe(key)
      }),
    )
  })
})

describe('the id of what a request makes', () => {
  it('is a UUID, the same for the same key and name and for no others', async () => {
    const id = await idempotentId('k', 'release')
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    expect(await idempotentId('k', 'release')).toBe(id)
    const others = [
      ['k', 'track'],
      ['l', 'release'],
      ['kr', 'elease'],
      ['', 'krelease'],
    ] as const
    const all = await Promise.all(others.map(([key, name]) => idempotentId(key, name)))
    expect(new Set([id, ...all]).size).toBe(5)
  })
})
