import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REDACTED, createRedactor, redact } from './index.ts'

describe('redact', () => {
  it('hides values by the name of their property, however it is written', () => {
    const input = {
      password: 'night-drive',
      user_password: 'a',
      'X-Api-Key': 'b',
      apiKey: 'c',
      Authorization: 'd',
      nested: [{ refreshToken: { deep: 'e' } }],
      cookie: ['a=b'],
    }
    expect(redact(input)).toEqual({
      password: REDACTED,
      user_password: REDACTED,
      'X-Api-Key': REDACTED,
      apiKey: REDACTED,
      Authorization: REDACTED,
      nested: [{ refreshToken: REDACTED }],
      cookie: REDACTED,
    })
  })

  it('keeps what telemetry needs', () => {
    const input = { tokens: 1500, input_tokens: 3, sessionId: 'abc', status: 200, traceId: 'ff', title: 'Night Drive' }
    expect(redact(input)).toEqual(input)
  })

  it.each([
    ['Bearer abcdef0123456789', `Bearer ${REDACTED}`],
    ['token eyJhbGciOi.eyJzdWIiOiIx.c2ln was refused', `token ${REDACTED} was refused`],
    ['postgres://user:hunter2@db.internal/app', `postgres://${REDACTED}@db.internal/app`],
    ['https://x.example/cb?code=abc123&state=1', `https://x.example/cb?code=${REDACTED}&state=1`],
    ['mail to ines@msc.example please', 'mail to [email] please'],
    ['card 4242 4242 4242 4242 ok', 'card [card] ok'],
    ['order 1234 5678 9012 3456 ok', 'order 1234 5678 9012 3456 ok'],
    ['key signkey-prod-abcdef0123456789abcdef', `key ${REDACTED}`],
  ])('hides secrets inside text: %s', (input, expected) => {
    expect(redact(input)).toBe(expected)
  })

  it('reads errors, with their cause and extra fields', () => {
    const error = Object.assign(
      new Error('login of a@b.example failed', { cause: new Error('Bearer abcdef0123456') }),
      {
        code: 'X',
        password: 'p',
      },
    )
    expect(redact<unknown>(error)).toMatchObject({
      name: 'Error',
      message: 'login of [email] failed',
      cause: { message: `Bearer ${REDACTED}` },
      code: 'X',
      password: REDACTED,
    })
  })

  it('survives cycles, depth, size, throwing getters and odd values', () => {
    const cyclic: Record<string, unknown> = { name: 'a' }
    cyclic['self'] = cyclic
    expect(redact(cyclic)).toEqual({ name: 'a', self: '[circular]' })
    let deep: unknown = 'bottom'
    for (let i = 0; i < 50; i++) deep = { deep }
    expect(JSON.stringify(redact(deep))).toContain('[too deep]')
    expect((redact({ list: Array.from({ length: 5000 }, (_, i) => i) }).list as number[]).length).toBe(200)
    expect(redact('x'.repeat(50_000)).length).toBeLessThan(11_000)
    const trap = {
      get broken(): string {
        throw new Error('no')
      },
    }
    expect(redact(trap)).toEqual({ broken: '[unreadable]' })
    expect(redact<unknown>([10n, () => 1, Symbol('s'), null, undefined, new Uint8Array(3)])).toEqual([
      '10n',
      '[function]',
      '[symbol]',
      null,
      undefined,
      '[3 bytes]',
    ])
  })

  it('never throws, never changes its argument, and lets no planted secret through', () => {
    const clean = createRedactor()
    const secret = 'hunter2-hunter2-hunter2'
    fc.assert(
      fc.property(
        fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true }),
        fc.nat(3),
        (value, where) => {
          const planted = [
            { value, password: secret },
            [value, { accessToken: secret }],
            { a: { b: [{ authorization: secret }] }, value },
            { value, text: `https://x.example/?token=${secret}` },
          ][where]
          const before = JSON.stringify(planted, (_key, each: unknown) =>
            typeof each === 'bigint' ? String(each) : each,
          )
          const text = JSON.stringify(clean(planted))
          expect(text).not.toContain(secret)
          expect(
            JSON.stringify(planted, (_key, each: unknown) => (typeof each === 'bigint' ? String(each) : each)),
          ).toBe(before)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('hides additional names and patterns', () => {
    expect(
      redact(
        { upc: '123', note: 'ISRC SE-ABC-26-00001' },
        { keys: ['UPC'], patterns: [/[A-Z]{2}-[A-Z]{3}-\d\d-\d{5}/] },
      ),
    ).toEqual({
      upc: REDACTED,
      note: `ISRC ${REDACTED}`,
    })
  })

  it('cuts hostile text to the limit', () => {
    for (const text of ['a@', '1 ', 'eyJ', '-----BEGIN PRIVATE KEY-----', 'x.', '?token=']) {
      expect(redact(text.repeat(20_000)).length).toBeLessThan(12_000)
    }
  })

  it('leaves ids alone that have as many digits as a card', () => {
    for (const id of [
      '11111111-1111-4111-8111-111111111111',
      '4242424242424242a',
      '42424242-4242-4242-8242-424242424242',
    ])
      expect(redact(`user ${id}`)).toBe(`user ${id}`)
    expect(redact('card 4242-4242-4242-4242, thanks')).toBe('card [card], thanks')
  })
})
