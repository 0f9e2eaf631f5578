import { DriverError } from '@msc/core'
import { describe, expect, it } from 'vitest'
import { createCache } from '../create-cache.ts'
import type { CacheDriver } from '../driver.ts'
import { upstash } from './upstash.ts'

const TOKEN = 'answers-token-0123456789'
const signal = new AbortController().signal

interface Sent {
  readonly command: readonly unknown[]
  readonly headers: Headers
}

/** The driver over a server that answers everything alike. */
function setUp(answer: () => Response): { readonly driver: CacheDriver; readonly sent: Sent[] } {
  const sent: Sent[] = []
  const driver = upstash({
    url: 'https://answers.upstash.io',
    token: TOKEN,
    async fetch(_url, init) {
      sent.push({ command: JSON.parse(String(init?.body)) as unknown[], headers: new Headers(init?.headers) })
      return answer()
    },
  })
  return { driver, sent }
}
const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })
const failureOf = (call: () => unknown): Promise<DriverError | undefined> =>
  Promise.resolve()
    .then(call)
    .then(
      () => undefined,
      (error: unknown) => error as DriverError,
    )

describe('what Upstash answers is judged by its status', () => {
  it.each([
    [500, { error: 'internal' }, 'DRIVER_FAILED', true, undefined],
    [503, { error: 'ERR overloaded' }, 'DRIVER_FAILED', true, undefined],
    [429, { error: 'ERR max requests limit exceeded' }, 'DRIVER_RATE_LIMITED', true, undefined],
    [401, { error: 'Unauthorized' }, 'DRIVER_UNAUTHORIZED', false, 'UPSTASH_REDIS_REST_TOKEN'],
    [403, { error: 'Forbidden' }, 'DRIVER_UNAUTHORIZED', false, 'UPSTASH_REDIS_REST_TOKEN'],
    [404, { error: 'not found' }, 'DRIVER_NOT_THE_BACKEND', false, 'UPSTASH_REDIS_REST_URL'],
    [302, '', 'DRIVER_REDIRECTED', false, 'UPSTASH_REDIS_REST_URL'],
    [502, '<html>Bad gateway</html>', 'DRIVER_NOT_THE_BACKEND', true, 'UPSTASH_REDIS_REST_URL'],
    [200, '<html>Sign in</html>', 'DRIVER_NOT_THE_BACKEND', true, 'UPSTASH_REDIS_REST_URL'],
    [200, { error: 'ERR upstream' }, 'DRIVER_NOT_THE_BACKEND', true, 'UPSTASH_REDIS_REST_URL'],
    [200, {}, 'DRIVER_NOT_THE_BACKEND', true, 'UPSTASH_REDIS_REST_URL'],
    [200, 'null', 'DRIVER_NOT_THE_BACKEND', true, 'UPSTASH_REDIS_REST_URL'],
    [200, '', 'DRIVER_NOT_THE_BACKEND', true, 'UPSTASH_REDIS_REST_URL'],
    [200, '{"result":"PO', 'DRIVER_NOT_THE_BACKEND', true, 'UPSTASH_REDIS_REST_URL'],
    [
      400,
      { error: 'WRONGPASS invalid or missing auth token' },
      'DRIVER_UNAUTHORIZED',
      false,
      'UPSTASH_REDIS_REST_TOKEN',
    ],
    [400, { error: 'ERR max requests limit exceeded. Limit: 500000' }, 'DRIVER_QUOTA', false, 'quota'],
    [400, { error: 'ERR unknown command' }, 'DRIVER_REFUSED', false, undefined],
    [400, { error: `ERR bad Bearer ${TOKEN}` }, 'DRIVER_REFUSED', false, undefined],
  ] as const)('%d with %j: %s', async (status, body, code, retryable, hint) => {
    const { driver } = setUp(() => json(body, status))
    for (const call of [
      () => driver.get('k', signal),
      () => driver.setMany?.([{ key: 'k', value: 'a secret value', ttlMs: 1000 }], signal),
      () => driver.health(signal),
      () => driver.coordination?.readSince('log', undefined, signal),
    ]) {
      const failure = await failureOf(call)
      expect(failure).toMatchObject({ code, retryable })
      if (hint !== undefined) expect(failure?.hint).toContain(hint)
      expect(`${failure?.stack}${JSON.stringify(failure)}`).not.toMatch(/answers-token|a secret value/)
    }
  })

  it.each([
    [401, { error: 'Unauthorized' }, 'DRIVER_UNAUTHORIZED'],
    [503, { error: 'overloaded' }, 'DRIVER_FAILED'],
    [200, '<html>Sign in</html>', 'DRIVER_NOT_THE_BACKEND'],
    [200, '', 'DRIVER_NOT_THE_BACKEND'],
  ] as const)('also through a proxy that types all as HTML: %d with %j', async (status, body, code) => {
    const { driver } = setUp(() => json(body, status, { 'content-type': 'text/html' }))
    expect(await failureOf(() => driver.get('k', signal))).toMatchObject({ code })
  })

  it('believes what is an answer, whatever its type', async () => {
    const { driver } = setUp(() => json({ result: null }, 200, { 'content-type': 'text/html' }))
    expect(await driver.get('k', signal)).toBeUndefined()
  })

  it('says when to come again', async () => {
    const { driver } = setUp(() => json({ error: 'slow down' }, 429, { 'retry-after': '3' }))
    expect(await failureOf(() => driver.get('k', signal))).toMatchObject({ retryAfterMs: 3000 })
  })

  it('opens the breaker where it is the store that fails', async () => {
    const { driver, sent } = setUp(() => json({ error: 'overloaded' }, 503))
    const cache = createCache({ driver, onError: () => undefined })
    for (let i = 0; i < 20; i++) await cache.get('k')
    expect(sent.length).toBe(5)
    await expect(cache.increment('n')).rejects.toMatchObject({ code: 'BREAKER_OPEN', retryable: true })
    await cache.close()
  })

  it('gives the token of what was written before back with the next request', async () => {
    const { driver, sent } = setUp(() => json({ result: 'OK' }, 200, { 'upstash-sync-token': 'after-the-write' }))
    await driver.set('k', 'v', 1000, signal)
    await driver.get('k', signal)
    expect(sent.map(({ headers }) => headers.get('upstash-sync-token'))).toEqual(['', 'after-the-write'])
  })
})

describe('an answer that is not what was asked for', () => {
  const claim = { key: 'k', lease: 'lease', token: 'token' }
  const calls: Readonly<Record<string, (driver: CacheDriver) => unknown>> = {
    get: (driver) => driver.get('k', signal),
    getMany: (driver) => driver.getMany?.(['k', 'l'], signal),
    set: (driver) => driver.set('k', 'v', 1000, signal),
    setMany: (driver) => driver.setMany?.([{ key: 'k', value: 'v', ttlMs: 1000 }], signal),
    delete: (driver) => driver.delete(['k'], signal),
    increment: (driver) => driver.increment('n', 1, 1000, signal),
    scan: (driver) => driver.scan('k*', undefined, signal),
    acquire: (driver) => driver.coordination?.acquire(claim, 1000, signal),
    renew: (driver) => driver.coordination?.renew(claim, 1000, signal),
    commit: (driver) => driver.coordination?.commit(claim, 'v', 1000, signal),
    release: (driver) => driver.coordination?.release(claim, 0, signal),
    append: (driver) => driver.coordination?.append('log', { message: 'm', keepRecords: 1, keepMs: 1 }, signal),
    readSince: (driver) => driver.coordination?.readSince('log', '1', signal),
    readAt: (driver) => driver.coordination?.readAt('log', ['k', 'l'], signal),
    commitSince: (driver) => driver.coordination?.commitSince('log', '1', [{ key: 'k', value: 'v', ttlMs: 1 }], signal),
    consume: (driver) =>
      driver.coordination?.consume([{ key: 'k', algorithm: 'fixed', limit: 1, windowMs: 1000 }], 1, signal),
    health: (driver) => driver.health(signal),
  }
  /** What is an answer to some of them all the same. */
  const believed: Readonly<Record<string, readonly string[]>> = {
    '"OK"': ['get', 'set'],
    null: ['get'],
    7: [],
    '-1': [],
    '[]': [],
    '["a","b","c"]': [],
    '{"a":1}': [],
    '"PONG"': ['get', 'health'],
    '[3,null]': [],
    '["1",[7]]': [],
    true: [],
  }
  it.each(Object.keys(believed))('%s is a failure of the store', async (result) => {
    const { driver } = setUp(() => json(`{"result":${result}}`))
    const taken: string[] = []
    for (const [name, call] of Object.entries(calls)) {
      const failure = await failureOf(() => call(driver))
      if (failure === undefined) taken.push(name)
      else expect([name, failure]).toMatchObject([name, { code: 'DRIVER_NOT_THE_BACKEND', retryable: true }])
    }
    expect(taken).toEqual(believed[result])
  })

  it.each(Object.keys(believed))('%s keeps nobody waiting, and makes nothing up', async (result) => {
    const { driver } = setUp(() => json(`{"result":${result}}`))
    const cache = createCache({ driver, onError: () => undefined })
    expect(await cache.cache('k', async () => 'loaded')).toBe('loaded')
    const limit = await cache.rateLimit('u', 5, 60)
    expect([limit.allowed, limit.remaining, limit.retryAfter]).toEqual([true, 4, 0])
    for (const call of [
      () => cache.increment('n'),
      () => cache.invalidate('k'),
      () => cache.invalidate('k*'),
      () => cache.invalidateTag('t'),
    ]) {
      expect(await failureOf(call)).toMatchObject({ retryable: true })
    }
    await cache.close()
  })

  it('deletes no key that does not match, and ends a walk that goes round in circles', async () => {
    const { driver, sent } = setUp(() => json({ result: ['1', ['other-app:invoice:1', 'msc:unrelated']] }))
    const { coordination: _coordination, ...plain } = driver
    const cache = createCache({ driver: plain, onError: () => undefined })
    await expect(cache.invalidate('k*')).rejects.toMatchObject({ code: 'DRIVER_NOT_THE_BACKEND' })
    expect(sent.map(({ command }) => String(command[0]).toLowerCase())).toEqual(['scan', 'scan'])
    await cache.close()
  })
})

describe('what no request can be made with', () => {
  it.each([
    [{ url: 'a-token-in-the-wrong-place', token: TOKEN }, 'ADDRESS_INVALID'],
    [{ url: 'https://user:pass-in-the-address@x.upstash.io', token: TOKEN }, 'ADDRESS_INVALID'],
    [{ url: 'https://x.upstash.io', token: 'two\nlines-of-a-token' }, 'UPSTASH_TOKEN_INVALID'],
    [{ url: 'https://x.upstash.io', token: '“quoted-token”' }, 'UPSTASH_TOKEN_INVALID'],
  ])('is refused before one is made, without its value: %#', async (options, code) => {
    const failure = await failureOf(() => upstash(options))
    expect(failure).toMatchObject({ code })
    expect(`${failure?.stack}`).not.toMatch(/token-in-the|pass-in|lines-of|quoted-token/)
  })
})
