import { describe, expect, it } from 'vitest'
import { createRedactor, redact, REDACTED } from './index.ts'

const clean = (value: unknown): unknown => redact(value)

describe('values of every kind', () => {
  it('hides values by name, except those that reveal nothing', () => {
    const at = new Date(0)
    expect(
      clean({ password: 'a', pin: 1234, otp: 12n, secret: { deep: 1 }, tokens: ['a'], token: null, cookie: undefined }),
    ).toEqual({
      password: REDACTED,
      pin: REDACTED,
      otp: REDACTED,
      secret: REDACTED,
      tokens: REDACTED,
      token: null,
      cookie: undefined,
    })
    const harmless = { hasPassword: true, password: false, tokens: 1500, max_tokens: '4096', token: at, session: 3 }
    expect(clean(harmless)).toEqual(harmless)
  })

  it('cleans names too, and lets no cleaned name overwrite another', () => {
    expect(clean({ 'ana@msc.example': 1, 'bo@msc.example': 2, '[email] (2)': 3, 'token=abc': 4 })).toEqual({
      '[email]': 1,
      '[email] (2)': 2,
      '[email] (2) (2)': 3,
      'token=[redacted]': REDACTED,
    })
    expect(clean(new Map<unknown, unknown>([['ana@msc.example', 1], [1, 'a'], ['1', 'b'], [{}, 'c']]))).toEqual({ '[email]': 1, '1': 'a', '1 (2)': 'b', '[object]': 'c' }) // prettier-ignore
  })

  it('hides numbers that are card numbers', () => {
    expect(clean([4242424242424242, 4242424242424242n, 1760000000000, 4006381333931])).toEqual([
      '[card]',
      '[card]',
      1760000000000,
      4006381333931,
    ])
  })

  it('reads collections, URLs, headers, boxed values, dates and bytes', () => {
    const url = 'https://ana:pw@msc.example/?token=abc&page=2'
    expect(
      clean({
        set: new Set(['ana@msc.example']),
        map: new Map([['password', 'x']]),
        headers: new Headers({ cookie: 'sid=1', accept: '*/*' }),
        url: new URL(url),
        query: new URLSearchParams('code=abc&page=2'),
        boxed: [Object('ana@msc.example'), Object(1), Object(2n)] as unknown,
        at: new Date(5),
        bytes: [new Uint8Array(3), new ArrayBuffer(4)],
        pattern: /a@b\.example/,
        bare: Object.assign(Object.create(null) as object, { password: 'x' }),
      }),
    ).toEqual({
      set: ['[email]'],
      map: { password: REDACTED },
      headers: { accept: '*/*', cookie: REDACTED },
      url: 'https://[redacted]@msc.example/?token=[redacted]&page=2',
      query: 'code=[redacted]&page=2',
      boxed: ['[email]', 1, '2n'],
      at: new Date(5),
      bytes: ['[3 bytes]', '[4 bytes]'],
      pattern: String.raw`/a@b\.example/`,
      bare: { password: REDACTED },
    })
  })

  it('hides the value in a pair of a name and a value', () => {
    expect(clean({ fields: [{ name: 'password', value: 'x' }, { name: 'title', value: 'y' }] })).toEqual({ fields: [{ name: 'password', value: REDACTED }, { name: 'title', value: 'y' }] }) // prettier-ignore
    expect(clean({ rawHeaders: ['Host', 'a', 'Cookie', 'b'], entries: [['cookie', 'c'], ['host', 'd']] })).toEqual({ rawHeaders: ['Host', 'a', 'Cookie', REDACTED], entries: [['cookie', REDACTED], ['host', 'd']] }) // prettier-ignore
  })

  it('recognises labels in any case and order', () => {
    expect(
      clean([
        { Name: 'DB_PASSWORD', Value: 'x' },
        { value: 'x', type: 'text', key: 'password' },
      ]),
    ).toEqual([
      { Name: 'DB_PASSWORD', Value: REDACTED },
      { value: REDACTED, type: 'text', key: 'password' },
    ])
  })

  it('hides the arguments of secret flags in a list', () => {
    expect(clean(['sync', '--password', 'x', '--api-key', '-y1', '--token', '--all', '-u', 'ana:x', '-u', 'ana'])).toEqual([
      'sync', '--password', REDACTED, '--api-key', REDACTED, '--token', '--all', '-u', REDACTED, '-u', 'ana',
    ]) // prettier-ignore
    expect(clean(['--genre', 'x', '--verbose', 'password'])).toEqual(['--genre', 'x', '--verbose', 'password'])
  })

  it('numbers 20 000 equal names', () => {
    const people = new Map(Array.from({ length: 20_000 }, (_, i) => [`u${i}@msc.example`, i]))
    const out = redact(people, { maxEntries: 30_000, maxNodes: 30_000, maxChars: 1e7 }) as unknown as Record<
      string,
      number
    >
    expect(out['[email]']).toBe(0)
    expect(out['[email] (2)']).toBe(1)
    expect(out['[email] (20000)']).toBe(19_999)
  })

  it('reads errors with name, message, stack, cause, members and fields, once each', () => {
    class Refused extends Error {
      override readonly name = 'Refused'
      readonly status = 401
    }
    const error = new AggregateError([new Refused('for ana@msc.example')], 'token=abc', { cause: 'pin: 1234' })
    error.stack = 'at password=abc'
    expect(clean(error)).toEqual({
      name: 'AggregateError',
      message: 'token=[redacted]',
      stack: 'at password=[redacted]',
      cause: 'pin: [redacted]',
      errors: [{ name: 'Refused', message: 'for [email]', stack: expect.any(String) as string, status: 401 }],
    })
  })
})

describe('hostile values', () => {
  const boom = (): never => {
    throw new Error('no')
  }

  it('keeps the rest of an event when a member cannot be read', () => {
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    class Odd extends Map<string, string> {
      override [Symbol.iterator] = boom
      override entries = boom
      override forEach = boom
    }
    expect(
      clean({
        id: 7,
        revoked: revoked.proxy,
        trapped: new Proxy({}, { ownKeys: boom }),
        shaped: new Proxy({}, { getPrototypeOf: boom }),
        getter: Object.defineProperty({ ok: 1 }, 'bad', { get: boom, enumerable: true }),
        map: new Odd([['a', 'b']]),
        fake: { [Symbol.toStringTag]: 'Map', a: 1 },
        list: new Proxy([1, 2], { get: (target, key) => (key === '1' ? boom() : Reflect.get(target, key)) as unknown }),
        error: Object.defineProperty(new Error('x'), 'stack', { get: boom }),
        password: new Proxy({}, { get: boom, getPrototypeOf: boom }),
      }),
    ).toEqual({
      id: 7,
      revoked: '[unreadable]',
      trapped: '[unreadable]',
      shaped: '[unreadable]',
      getter: { ok: 1, bad: '[unreadable]' },
      map: { a: 'b' },
      fake: { a: 1 },
      list: [1, '[unreadable]'],
      error: { name: 'Error', message: 'x', stack: '[unreadable]' },
      password: REDACTED,
    })
  })

  it('neither calls toJSON nor passes it on', () => {
    const out = clean({ toJSON: () => 'password=abc', a: 1 })
    expect(JSON.stringify(out)).toBe('{"toJSON":"[function]","a":1}')
  })

  it('pollutes no prototype', () => {
    const out = clean(JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2}}')) as object
    expect(Object.keys(out)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(out)).toBe(Object.prototype)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  it('cuts cycles and deep nesting', () => {
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = [cyclic]
    expect(clean(cyclic)).toEqual({ self: ['[circular]'] })
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(JSON.stringify(redact(deep, { maxDepth: 1e9 }))).toContain('[too deep]')
  })
})

describe('the budget', () => {
  it('cuts a graph with a million paths', () => {
    let node: unknown[] = ['leaf']
    for (let level = 0; level < 7; level++) node = Array.from({ length: 8 }, () => node)
    let count = 0
    const visit = (value: unknown): void => {
      count++
      if (Array.isArray(value)) for (const item of value) visit(item)
    }
    visit(redact(node))
    expect(count).toBeLessThan(10_100)
    expect(JSON.stringify(redact(node))).toContain('[cut]')
  })

  it('cuts what exceeds the nodes and the characters of one call', () => {
    expect(redact({ a: 1, b: 2, c: 3, d: 4 } as object, { maxNodes: 3 })).toEqual({ a: 1, b: 2, '…': '[cut]' })
    expect(redact(['aaaa', 'bbbb', 'cccc'], { maxChars: 8 })).toEqual(['aaaa', 'bbbb', '[cut]'])
    const many = redact({ list: Array.from({ length: 200 }, () => 'x'.repeat(9000)) })
    expect(JSON.stringify(many).length).toBeLessThan(215_000)
  })

  it('marks the items and members that it leaves out', () => {
    expect(redact([1, 2, 3, 4], { maxEntries: 3 })).toEqual([1, 2, '[cut]'])
    expect(redact({ a: 1, b: 2, c: 3, d: 4 } as object, { maxEntries: 3 })).toEqual({ a: 1, b: 2, '…': '[cut]' })
  })

  it('ignores invalid limits', () => {
    const odd = createRedactor({ maxDepth: Number.NaN, maxEntries: -1, maxString: 0, maxNodes: Number.NaN })
    expect(odd({ a: ['text'] })).toEqual({ a: ['text'] })
  })
})

it('keeps an empty string under any name, and the mark of a card under a name that counts', () => {
  const fields = { password: '', label: { name: 'token', value: '' } }
  expect(redact(fields)).toEqual(fields)
  expect(redact({ tokens: 4_242_424_242_424_242 })).toEqual({ tokens: '[card]' })
  expect(redact({ tokens: '[card]', password: '[card]' })).toEqual({ tokens: '[card]', password: '[redacted]' })
})

describe('members that describe others', () => {
  it('hides values that validators rejected', () => {
    expect(
      clean([
        { value: 'S', type: 'field', path: 'user.password', location: 'body' },
        { property: 'pin', value: 1234 },
        { path: ['tokens', 0], input: 'S', originalValue: ['S'] },
        { instancePath: '/users/0/password', data: 'S' },
      ]),
    ).toEqual([
      { value: REDACTED, type: 'field', path: 'user.password', location: 'body' },
      { property: 'pin', value: REDACTED },
      { path: ['tokens', 0], input: REDACTED, originalValue: REDACTED },
      { instancePath: '/users/0/password', data: REDACTED },
    ])
  })

  it('distinguishes a path to a field from a URL and a file', () => {
    const harmless = [
      { path: '/api/token', value: 3 },
      { path: 'masters/token', value: 'a' },
      { path: 'secret.wav', value: 'a' },
      { name: 'Secret', data: 'a', input: 'b' },
      { path: ['title'], value: 'a' },
      { path: 'password', value: true },
      { path: ['Home', 'The Secret Garden'], data: 'a' },
      { path: [{ key: 'password' }, 'password'], input: 'a' },
    ]
    expect(clean(harmless)).toEqual(harmless)
  })

  it('judges the members of a rejected object by their own names', () => {
    const harmless = [
      { loc: ['body', 'password'], msg: 'Field required', input: { title: 'a' } },
      { path: 'auth.refreshToken', input: { id: 12 }, data: [{ title: 'a' }], originalValue: new Map([['a', 1]]) },
    ]
    expect(clean(harmless)).toEqual([harmless[0], { ...harmless[1], originalValue: { a: 1 } }])
    expect(clean({ path: 'login', input: { password: 'S' } })).toEqual({ path: 'login', input: { password: REDACTED } })
    expect(clean({ path: 'tokens', input: new Set(['S']) })).toEqual({ path: 'tokens', input: REDACTED })
  })

  it('judges the mark of an object like the object itself', () => {
    const deep = { command: 'auth', path: 'token', args: ['AUTH', 'login', { a: { b: 1 } }], data: { a: { b: 1 } } }
    for (const maxDepth of [1, 2]) {
      const once = redact(deep, { maxDepth })
      expect(redact(once, { maxDepth })).toEqual(once)
    }
  })

  it('loses only the path when it cannot be read', () => {
    const { proxy, revoke } = Proxy.revocable<string[]>([], {})
    revoke()
    expect(clean({ path: proxy, input: 'a', tokens: 1 })).toEqual({ path: '[unreadable]', input: 'a', tokens: 1 })
    expect(clean({ tokens: proxy, title: 'a' })).toEqual({ tokens: REDACTED, title: 'a' })
  })

  it('does not judge a label that was cleaned or cut', () => {
    for (const name of [`token ${'a'.repeat(80)} name`, 'the token of ana@msc.example: 1, name']) {
      const once = redact({ name, value: 'a' }, { maxString: 64 })
      expect(redact(once, { maxString: 64 })).toEqual(once)
    }
  })

  it('hides the arguments with which a Redis client signs in', () => {
    expect(
      clean([
        { name: 'AUTH', args: ['ana', 'S'] },
        { args: ['S'], command: 'auth' },
        { name: 'hello', args: ['3', 'AUTH', 'ana', 'S'] },
        { name: 'config', args: ['SET', 'requirepass', 'S'] },
      ]),
    ).toEqual([
      { name: 'AUTH', args: REDACTED },
      { args: REDACTED, command: 'auth' },
      { name: 'hello', args: ['3', 'AUTH', REDACTED, REDACTED] },
      { name: 'config', args: ['SET', 'requirepass', REDACTED] },
    ])
    const harmless = [
      { name: 'gh', args: ['auth', 'login'] },
      { tags: ['AUTH', 'a'] },
      { command: 'auth', args: ['login', '--provider', 'spotify'] },
      { command: 'auth', args: ['--web'] },
      { event: 'audit.log', args: ['AUTH', { userId: 'u1' }] },
      { procedure: 'permissions.set', args: ['label-1', ['READ', 'AUTH', 'WRITE']] },
      { args: ['server wants SMTP AUTH', 'smtp.msc.example'] },
    ]
    expect(clean(harmless)).toEqual(harmless)
  })

  it('keeps an object of counts under a name that counts', () => {
    const counts = { tokens: { prompt: 12, completion: 4, cached: true }, session: { pages: 3 } }
    expect(clean(counts)).toEqual(counts)
    expect(clean({ tokens: { a: 'S' } })).toEqual({ tokens: REDACTED })
  })

  it('loses only the cause of an error when reading it throws', () => {
    const error = Object.defineProperty(new Error('refused'), 'cause', {
      get: () => {
        throw new Error('gone')
      },
    })
    expect(clean(error)).toMatchObject({ message: 'refused', cause: '[unreadable]' })
  })
})
