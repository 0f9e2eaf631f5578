import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostileTokens } from '../testing/redaction/index.ts'
import { createRedactor, redact } from './index.ts'

const clean = createRedactor()

/** Pieces of text that the scanner reacts to, in any order. */
const PIECES = [
  'a', 'B', '0', '1234', 'password', 'token', 'tokens', 'Cookie', 'authorization', 'api key', 'name', 'value', 'é', '=', ':',
  ': ', '"', "'", '`', '\\', '\\"', '\\n', '@', '.', '-', '_', '/', '?', '&', '#', '%', '%3D', '%22', '%26', '%40', '%2540',
  'a@b.co', 'x://', 'u:p@h', 'eyJ', 'sk-', 'sk_live_abcdefgh1234', '4242424242424242', '4242 4242 4242 4242',
  'DE89370400440532013000', '-----BEGIN PRIVATE KEY-----', '-----END PRIVATE KEY-----', 'Bearer ', 'Basic ', 'dXNlcjpwYXNz',
  '<password>', '</password>', '<', '>', '[', ']', '{', '}', '(', ')', '\n', '\n  ', '- ', '|', ' ', ',', ';', '[redacted]',
  '[email]', '[cut]', '… (12 characters)', '-u ', '--password ', 'values (', '&quot;', 'u0022', '$1', 'is ', 'pin',
  '{"value":"', '","name":"password"', 'form-data; name="password"', '\r\n\r\n', '\\n  ', '[["password","', '"]]', '"--password","', '+key=',
  "''", "'\\''", '[]=', '%5B', '%7B', '%5B0%5D=', ')=(', 'sig: a=1,b=', '&#39;', '\\&quot;', 'pass word', 'x://u:', '%2F', '%3E',
] // prettier-ignore

const hostileText = fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => pieces.join(''))
const anything = fc.anything({
  key: fc.oneof(hostileText, fc.constantFrom('password', 'tokens', 'value', 'name', '__proto__', 'toJSON')),
  values: [hostileText, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.bigInt()],
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withBoxedValues: true,
  withNullPrototype: true,
  withSparseArray: true,
  maxDepth: 4,
})

const traps = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'] as const

/**
 * Makes a proxy with traps that throw, or a revoked one. It is made late, because fast-check itself reads its values.
 */
const hostileProxy = fc
  .tuple(fc.object(), fc.subarray([...traps]), fc.boolean())
  .map(([target, throwing, revoked]) => () => {
    const trap = (): never => {
      throw new Error('trapped')
    }
    const { proxy, revoke } = Proxy.revocable(target, Object.fromEntries(throwing.map((name) => [name, trap])))
    if (revoked) revoke()
    return proxy
  })

describe('redaction of arbitrary values', () => {
  it('changes no text that is clean', () => {
    fc.assert(
      fc.property(fc.oneof(hostileText, fc.string({ unit: 'binary' })), (input) => {
        const once = clean.text(input)
        expect(clean.text(once)).toBe(once)
      }),
      { numRuns: 20_000 },
    )
  })

  it('changes no clean text that is long and repeats a few pieces', () => {
    const repeated = fc
      .tuple(
        fc.array(fc.constantFrom(...hostileTokens), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 2, max: 80 }),
      )
      .map(([tokens, times]) => tokens.join('').repeat(times))
    fc.assert(
      fc.property(repeated, (input) => {
        const once = clean.text(input)
        expect(clean.text(once)).toBe(once)
      }),
      { numRuns: 3000, examples: [['{"value":"a","name":"password"},{"value":"a@'.repeat(80)]] },
    )
  })

  it('changes no value that is clean, whatever the limits', () => {
    const limits = fc.record({
      maxDepth: fc.nat(6),
      maxEntries: fc.integer({ min: 1, max: 6 }),
      maxString: fc.integer({ min: 1, max: 60 }),
      maxNodes: fc.integer({ min: 1, max: 40 }),
      maxChars: fc.integer({ min: 1, max: 200 }),
    })
    fc.assert(
      fc.property(anything, limits, (value, options) => {
        const once = redact(value, options)
        expect(redact(once, options)).toEqual(once)
      }),
      { numRuns: 3000 },
    )
  })

  it('changes no value that is clean in allow mode', () => {
    const allowing = createRedactor({ mode: 'allow', allow: ['a', 'name', 'password', 'tokens', 'value'] })
    fc.assert(
      fc.property(anything, (value) => {
        const once = allowing(value)
        expect(allowing(once)).toEqual(once)
      }),
      { numRuns: 3000 },
    )
  })

  it('never throws, and returns plain data', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 3 }), fc.array(hostileProxy, { maxLength: 3 }), (values, proxies) => {
        const made = proxies.map((make) => make())
        const out = clean({ id: 7, values, made, map: new Map([['a', made[0]]]), nested: [{ proxy: made[1] }] })
        expect(out.id).toBe(7)
        expect(() => JSON.stringify(out)).not.toThrow()
      }),
      { numRuns: 2000 },
    )
  })

  it('lets no planted secret through, wherever it is planted', () => {
    const secret = 'Hunter2.hunter2.Hunter2'
    const plants = [
      (value: unknown): unknown => ({ value, password: secret }),
      (value: unknown): unknown => [value, { accessToken: [secret] }],
      (value: unknown): unknown => ({ a: { b: new Map([['authorization', secret]]) }, value }),
      (value: unknown): unknown => ({ value, text: `https://x.example/?token=${secret}` }),
      (value: unknown): unknown => ({ value, text: JSON.stringify({ body: JSON.stringify({ apiKey: secret }) }) }),
    ]
    fc.assert(
      fc.property(anything, fc.constantFrom(...plants), (value, plant) => {
        expect(JSON.stringify(clean(plant(value)))).not.toContain('unter2')
      }),
      { numRuns: 1000 },
    )
  })
})
