import { gzipSync } from 'node:zlib'
import {
  ConfigError,
  DriverError,
  MscError,
  UnavailableError,
  ValidationError,
  currentContext,
  onTelemetry,
  setErrorReporter,
} from '@msc/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { createRoutes, type RoutePorts } from './route.ts'

interface User {
  readonly id: string
  readonly role: string
}

function setUp(ports: Partial<RoutePorts<User>> = {}) {
  const capture = vi.fn()
  const observe = vi.fn()
  const handler = vi.fn(() => Response.json({ ok: true }))
  const route = createRoutes<User>({
    authenticate: async (request) =>
      request.headers.get('cookie') === 'artist' ? { id: 'u1', role: 'artist' } : undefined,
    rateLimit: async (_id, limit) => ({
      allowed: true,
      limit,
      remaining: limit - 1,
      windowSeconds: 60,
      resetAt: Date.now() + 60_000,
      retryAfter: 0,
    }),
    capture,
    observe,
    ...ports,
  })
  const post = route({
    route: '/api/things',
    body: z.strictObject({ title: z.string().min(1) }),
    maxBytes: 300,
    handler,
  })
  return { route, post, handler, capture, observe }
}

const params = { params: Promise.resolve({}) }
const json = { 'content-type': 'application/json', cookie: 'artist' }
const request = (body?: BodyInit, headers: Record<string, string> = json) =>
  new Request('http://app.example/api/things', {
    method: 'POST',
    headers,
    ...(body !== undefined && { body, duplex: 'half' }),
  })

describe('a route', () => {
  it('runs the handler with the user, the parsed body and the caller’s trace', async () => {
    const { post, handler, observe } = setUp()
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    let seen: unknown
    handler.mockImplementation(() => {
      seen = currentContext()
      return Response.json({ ok: true })
    })
    const response = await post(
      request('{"title":"a"}', { ...json, traceparent: `00-${traceId}-00f067aa0ba902b7-01` }),
      params,
    )
    expect(response.status).toBe(200)
    expect(handler).toHaveBeenCalledWith(
      expect.objectContaining({ user: { id: 'u1', role: 'artist' }, body: { title: 'a' } }),
    )
    expect(seen).toMatchObject({ userId: 'u1', trace: { traceId } })
    expect(response.headers.get('x-trace-id')).toBe(traceId)
    expect(response.headers.get('ratelimit')).toMatch(/^"api";r=99;t=\d+$/)
    expect(observe).toHaveBeenCalledWith(expect.objectContaining({ route: '/api/things', status: 200, userId: 'u1' }))
  })

  it('lets no cache store an answer unless the handler says so', async () => {
    const { post, handler } = setUp()
    const kept = async (): Promise<string | null> =>
      (await post(request('{"title":"a"}'), params)).headers.get('cache-control')
    expect(await kept()).toBe('private, no-store')
    handler.mockImplementation(() => new Response('', { headers: { 'cache-control': 'max-age=60' } }))
    expect(await kept()).toBe('max-age=60')
  })

  const chunked = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(`{"title":"${'x'.repeat(500)}"}`))
        controller.close()
      },
    })
  it.each<[string, BodyInit | undefined, Record<string, string>, number, string]>([
    ['nobody', '{"title":"a"}', { 'content-type': 'application/json' }, 401, 'UNAUTHENTICATED'],
    ['another content type', 'title=a', { ...json, 'content-type': 'text/plain' }, 415, 'CONTENT_TYPE_UNSUPPORTED'],
    [
      'a compressed body',
      gzipSync('{"title":"a"}'),
      { ...json, 'content-encoding': 'gzip' },
      415,
      'CONTENT_ENCODING_UNSUPPORTED',
    ],
    ['no content type', new Uint8Array([123]), { cookie: 'artist' }, 415, 'CONTENT_TYPE_UNSUPPORTED'],
    ['a body that is too large', `{"title":"${'x'.repeat(500)}"}`, json, 413, 'BODY_TOO_LARGE'],
    ['a body that is too large and hides its length', chunked(), json, 413, 'BODY_TOO_LARGE'],
    ['broken JSON', '{"title":', json, 400, 'BODY_MALFORMED'],
    ['bytes that are not UTF-8', new Uint8Array([0xff, 0xfe]), json, 400, 'BODY_MALFORMED'],
    ['JSON nested too deeply', '['.repeat(129) + ']'.repeat(129), json, 400, 'BODY_MALFORMED'],
    ['no body', undefined, json, 400, 'BODY_MALFORMED'],
    ['an unknown property', '{"title":"a","admin":true}', json, 422, 'VALIDATION_FAILED'],
    ['a wrong shape', '{"title":""}', json, 422, 'VALIDATION_FAILED'],
    ['another site', '{"title":"a"}', { ...json, 'sec-fetch-site': 'cross-site' }, 403, 'CROSS_SITE'],
    ['another origin', '{"title":"a"}', { ...json, origin: 'https://evil.example' }, 403, 'CROSS_SITE'],
    ['an opaque origin', '{"title":"a"}', { ...json, origin: 'null' }, 403, 'CROSS_SITE'],
  ])('answers %s with a problem document and does not run the handler', async (_label, body, headers, status, code) => {
    const { post, handler, capture } = setUp()
    const response = await post(request(body, headers), params)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    const told = (await response.json()) as Record<string, unknown>
    expect(told).toMatchObject({ status, code })
    expect(told['traceId']).toBe(response.headers.get('x-trace-id'))
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(handler).not.toHaveBeenCalled()
    expect(capture).not.toHaveBeenCalled()
  })

  it('treats an invalid value in a handler as its own failure, of which the client learns nothing', async () => {
    const { post, handler, capture } = setUp()
    const failure = new ValidationError('The answer of the bank', [{ message: 'IBAN DE89', path: 'account' }], {
      code: 'VALIDATION_FAILED',
    })
    handler.mockImplementation(() => {
      throw failure
    })
    const response = await post(request('{"title":"a"}'), params)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('IBAN')
    expect(capture).toHaveBeenCalledExactlyOnceWith(failure, expect.anything())
  })

  it('answers 400 to an incomplete body, and captures no error', async () => {
    const { post, handler, capture } = setUp()
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error('aborted'))
      },
    })
    expect((await post(request(body), params)).status).toBe(400)
    expect(handler).not.toHaveBeenCalled()
    expect(capture).not.toHaveBeenCalled()
  })

  it.each([
    [undefined, 'unknown'],
    [{ trustedHops: 1 }, '203.0.113.7'],
  ])('counts callers without an account by their address (%j: %s)', async (options, expected) => {
    const rateLimit = vi.fn(async () => Promise.reject(new Error('away')))
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { route } = setUp({ rateLimit, ...(options && { clientAddress: options }) })
    const open = route({ route: '/api/open', auth: 'none', handler: () => new Response('ok') })
    const headers = { 'x-forwarded-for': 'made up, 203.0.113.7' }
    await open(new Request('http://app.example/api/open', { headers }), params)
    expect(rateLimit).toHaveBeenCalledWith(`GET /api/open ip:${expected}`, 100, 60)
    quiet.mockRestore()
  })

  it.each([{ trustedHops: Number.NaN }, { trustedHops: -1 }, { trustedHops: 1.5 }, { header: 'a b' }])(
    'rejects %j as the way to find an address',
    (clientAddress) => {
      expect(() => setUp({ clientAddress })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    },
  )

  it.each([{}, { authenticate: async () => undefined, rateLimit: 1, capture: () => undefined }])(
    'rejects invalid ports: %j',
    (bad) => {
      expect(() => createRoutes(bad as never)).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('rateLimit') }),
      )
    },
  )

  it('answers 413 to a body that is too large, also when the rest can not be cancelled', async () => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(200)),
      cancel: () => Promise.reject(new Error('no')),
    })
    const { post } = setUp()
    expect((await post(request(body), params)).status).toBe(413)
  })

  it('answers 408 to a body that does not arrive in time, and captures nothing', async () => {
    const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) })
    const { post, capture } = setUp()
    const late = new Request(request(silent), { signal: AbortSignal.abort(new DOMException('late', 'TimeoutError')) })
    const response = await post(late, params)
    expect([response.status, await response.json()]).toMatchObject([408, { code: 'BODY_TIMED_OUT' }])
    expect(capture).not.toHaveBeenCalled()
  })

  it('tells a body that was already read from one that the client did not finish', async () => {
    const { post, capture } = setUp({
      authenticate: async (given) => {
        await given.text()
        return { id: 'u1', role: 'artist' }
      },
    })
    expect((await post(request('{"title":"a"}'), params)).status).toBe(500)
    expect(capture).toHaveBeenCalledOnce()
  })

  it('answers 429 when too many passwords wait, and captures nothing', async () => {
    const { route, capture } = setUp()
    const busy = new MscError('x', { code: 'PASSWORDS_BUSY', retryable: true })
    const handler = route({
      route: '/api/sign-in',
      auth: 'none',
      handler: () => Promise.reject(Object.assign(busy, { retryAfterMs: 1500 })),
    })
    const response = await handler(request(), params)
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '2'])
    expect(capture).not.toHaveBeenCalled()
  })

  it('answers 429 with the time to retry after', async () => {
    const { post, handler } = setUp({
      rateLimit: async (_id, limit) => ({
        allowed: false,
        limit,
        remaining: 0,
        windowSeconds: 60,
        resetAt: Date.now() + 30_000,
        retryAfter: 30,
      }),
    })
    const response = await post(request('{"title":"a"}'), params)
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(29)
    expect(response.headers.get('ratelimit')).toMatch(/^"api";r=0;t=30$/)
    expect(await response.json()).toMatchObject({ status: 429, code: 'RATE_LIMITED', 'violated-policies': ['api'] })
    expect(handler).not.toHaveBeenCalled()
  })

  it('refuses a user with another role', async () => {
    const { route } = setUp()
    const admin = route({ route: '/api/admin', role: 'admin', handler: () => new Response('secret') })
    expect((await admin(new Request('http://app.example/', { headers: json }), params)).status).toBe(403)
  })

  it('reports an unexpected error once, and shows the client only the trace', async () => {
    const { post, handler, capture } = setUp()
    const failure = new Error('connection string postgres://u:p@h/db refused')
    handler.mockImplementation(() => {
      throw failure
    })
    const response = await post(request('{"title":"a"}'), params)
    const text = await response.text()
    expect(response.status).toBe(500)
    expect(text).not.toContain('postgres')
    expect(JSON.parse(text)).toMatchObject({ code: 'INTERNAL', traceId: response.headers.get('x-trace-id') })
    expect(capture).toHaveBeenCalledExactlyOnceWith(failure, { route: '/api/things', method: 'POST', userId: 'u1' })
  })

  it('answers 503 for a backend that is away, and survives failing ports', async () => {
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { post, handler } = setUp({
      capture: () => {
        throw new Error('monitoring is broken')
      },
      observe: () => {
        throw new Error('analytics is broken')
      },
    })
    handler.mockImplementation(() => {
      throw new DriverError('upstash', 'gone', { retryable: true })
    })
    const response = await post(request('{"title":"a"}'), params)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
    quiet.mockRestore()
  })

  it('answers 503 with Retry-After while nobody can be recognised', async () => {
    const away = new UnavailableError('The database is away.', { code: 'SESSIONS_UNAVAILABLE' })
    const { post } = setUp({ authenticate: async () => Promise.reject(away) })
    const response = await post(request('{"title":"a"}'), params)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await response.json()).toMatchObject({ code: 'SESSIONS_UNAVAILABLE' })
  })

  it('takes nobody without an id for a user, and reports it once', async () => {
    const reported = vi.fn()
    onTestFinished(setErrorReporter(reported))
    let answered: unknown
    const { route, post, handler } = setUp({ authenticate: async () => answered as never })
    const seen: unknown[] = []
    const open = route({
      route: '/api/open',
      auth: 'optional',
      handler: ({ user }) => {
        seen.push(user)
        return new Response('ok')
      },
    })
    for (answered of [{}, { id: null }, { id: '' }, { id: '  ' }, { id: 5 }, 'u1', true, 1, ['u1'], () => 1]) {
      expect((await post(request('{"title":"a"}'), params)).status).toBe(401)
      await open(new Request('http://app.example/api/open'))
    }
    expect(handler).not.toHaveBeenCalled()
    expect(new Set(seen)).toEqual(new Set([undefined]))
    expect(reported).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('authenticate') }),
      expect.anything(),
    )
    for (answered of [undefined, null]) expect((await post(request('{"title":"a"}'), params)).status).toBe(401)
    answered = { id: 'u1' }
    expect((await post(request('{"title":"a"}'), params)).status).toBe(200)
  })

  it.each([undefined, false] as const)('returns a response with immutable headers (limit: %s)', async (limit) => {
    const { route } = setUp()
    const target = 'http://app.example/releases'
    const moved = route({
      route: '/api/old',
      ...(limit === false && { limit }),
      handler: () => Response.redirect(target, 303),
    })
    const response = await moved(new Request('http://app.example/api/old', { headers: json }), params)
    expect([response.status, response.headers.get('location')]).toEqual([303, target])
    expect(response.headers.get('x-trace-id')).toMatch(/^[\da-f]{32}$/)
    expect(response.headers.has('ratelimit')).toBe(limit === undefined)
  })

  it('returns an error response, which can not be copied', async () => {
    const { route } = setUp()
    const broken = route({ route: '/api/broken', limit: false, handler: () => Response.error() })
    const response = await broken(new Request('http://app.example/api/broken', { headers: json }), params)
    expect([response.type, response.status]).toEqual(['error', 0])
  })

  it('answers 500 when the limiter is not configured, since there would never be a limit', async () => {
    const error = new ConfigError('No backend.', { code: 'EMBEDDED_IN_PRODUCTION' })
    const { post, capture } = setUp({ rateLimit: async () => Promise.reject(error) })
    expect((await post(request(), params)).status).toBe(500)
    expect(capture).toHaveBeenCalledTimes(1)
  })

  it('lets requests through while the rate limit fails, and reports it', async () => {
    const reported: string[] = []
    onTestFinished(setErrorReporter((error, { operation }) => reported.push(`${operation}: ${error.message}`)))
    const { post } = setUp({ rateLimit: async () => Promise.reject(new Error('redis is away')) })
    const response = await post(request('{"title":"a"}'), params)
    expect([response.status, response.headers.has('ratelimit')]).toEqual([200, false])
    expect(reported).toEqual(['rateLimit: redis is away'])
  })

  it('lets a request through when the answer of the limiter can not be read', async () => {
    const unreadable = {
      get allowed(): boolean {
        throw new Error('no answer')
      },
    }
    const reported: string[] = []
    onTestFinished(setErrorReporter((_error, { operation }) => reported.push(operation)))
    const wrong = [unreadable, undefined, null, {}, true, 'ok', { success: true, remaining: 4 }, { allowed: 'no' }]
    for (const result of wrong) {
      const { post } = setUp({ rateLimit: async () => result as never })
      expect((await post(request('{"title":"a"}'), params)).status).toBe(200)
    }
    expect(reported).toEqual(wrong.map(() => 'rateLimit'))
  })

  it.each([
    ['is away', () => Promise.reject(new UnavailableError('away'))],
    ['refuses', () => Promise.reject(new DriverError('redis', 'WRONGPASS', { code: 'DRIVER_UNAUTHORIZED' }))],
    ['fails for now', () => Promise.reject(new DriverError('redis', 'gone', { retryable: true }))],
    ['does not answer', () => new Promise<never>(() => {})],
  ])('lets requests through while the store of the limit %s', async (_what, rateLimit) => {
    onTestFinished(setErrorReporter(() => undefined))
    const { post } = setUp({ rateLimit })
    expect((await post(request('{"title":"a"}'), params)).status).toBe(200)
  })

  it('emits one http.request', async () => {
    const { post } = setUp()
    const seen: unknown[] = []
    const stop = onTelemetry((event) => seen.push(event.attributes))
    await post(request('{'), params)
    stop()
    expect(seen).toEqual([{ method: 'POST', route: '/api/things', status: 400 }])
  })
})
