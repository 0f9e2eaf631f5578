import { describe, expect, it, vi } from 'vitest'
import { UnavailableError } from '@msc/core'
import { z } from 'zod'
import { createRoutes, type RouteHandler, type RouteOptions } from '../route.ts'
import type { Idempotency, IdempotentRequest } from './idempotency.ts'

type Run = Idempotency['run']
const user = { id: 'u1', role: 'artist' }

function setUp(options: Partial<RouteOptions<typeof user, 'optional', unknown, unknown>> = {}, run?: Run) {
  const seen: IdempotentRequest[] = []
  const handler = vi.fn(async ({ request, idempotencyKey }: { request: Request; idempotencyKey: string | undefined }) =>
    Response.json({ idempotencyKey, rest: request.bodyUsed ? '' : await request.text() }),
  )
  const passing: Run = (asked, work) => {
    seen.push(asked)
    return work('scoped')
  }
  const route = createRoutes<typeof user>({
    authenticate: async (request) => (request.headers.has('cookie') ? user : undefined),
    rateLimit: async (_, limit) => ({
      allowed: true,
      limit,
      remaining: 1,
      windowSeconds: 60,
      resetAt: 0,
      retryAfter: 0,
    }),
    capture: () => {},
    clientAddress: { trustedHops: 1 },
    idempotency: { run: run ?? passing },
  })
  const handle = route({ route: '/api/things/[id]', auth: 'optional', handler, ...options } as never) as RouteHandler
  const send = (
    headers: Record<string, string>,
    body = '{"title":"a"}',
    method = 'POST',
    query = '',
  ): Promise<Response> =>
    handle(
      new Request(`http://a.example/api/things/1${query}`, {
        method,
        headers: { 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.1', ...headers },
        ...(method !== 'GET' && { body }),
      }),
      { params: Promise.resolve({ id: '1' }) },
    )
  return { send, handler, seen }
}
const key = { 'idempotency-key': '"k"' }
const body = z.strictObject({ title: z.string() })

describe('a route that recognises repeated requests', () => {
  it('gives the handler the scoped key, and scopes it by user, method and pattern', async () => {
    const { send, seen } = setUp({ body })
    expect(await (await send({ ...key, cookie: 'x' })).json()).toMatchObject({ idempotencyKey: 'scoped' })
    await send(key, undefined, 'PATCH')
    expect(seen).toMatchObject([
      { caller: ['user', 'u1'], operation: ['POST', '/api/things/[id]'], key: 'k' },
      { caller: ['address', '192.0.2.1'], operation: ['PATCH', '/api/things/[id]'], key: 'k' },
    ])
  })

  it('recognises no stranger whose address is not known: they could not be told apart', async () => {
    const { send, seen, handler } = setUp({ body })
    await send({ ...key, 'x-forwarded-for': '' })
    await send({ ...key, 'x-forwarded-for': '' })
    expect(seen).toEqual([])
    const keys = handler.mock.calls.map(([context]) => (context as { idempotencyKey: string }).idempotencyKey)
    expect(new Set(keys).size).toBe(2)
    const { send: sendTo } = setUp({ body, idempotency: 'required' })
    expect((await sendTo({ 'x-forwarded-for': '' })).status).toBe(400)
  })

  it('tells bodies and queries apart, with and without a schema, and leaves the body to the handler', async () => {
    for (const options of [{ body }, {}]) {
      const { send, seen } = setUp(options)
      await send(key)
      await send(key)
      await send(key, '{"title":"b"}')
      const last = await send(key, '{"title":"b"}', 'POST', '?x=1')
      expect(new Set(seen.map(({ fingerprint }) => fingerprint)).size).toBe(3)
      expect(seen[0]?.fingerprint).toBe(seen[1]?.fingerprint)
      if (!options.body) expect(await last.json()).toMatchObject({ rest: '{"title":"b"}' })
    }
  })

  it('asks only for POST and PATCH with a key, and not where it is switched off', async () => {
    for (const [options, headers, method] of [
      [{}, {}, 'POST'],
      [{}, key, 'PUT'],
      [{}, key, 'DELETE'],
      [{ idempotency: 'none' }, key, 'POST'],
      [{ idempotency: 'required' }, {}, 'GET'],
    ] as const) {
      const { send, seen } = setUp(options)
      expect(await (await send(headers, undefined, method)).json()).not.toHaveProperty('idempotencyKey')
      expect(seen).toEqual([])
    }
  })

  it.each([
    ['a key that is missing but required', { idempotency: 'required' as const }, {}, 'IDEMPOTENCY_KEY_MISSING'],
    ['an empty key', {}, { 'idempotency-key': '""' }, 'IDEMPOTENCY_KEY_INVALID'],
    ['two keys', {}, { 'idempotency-key': 'a, b' }, 'IDEMPOTENCY_KEY_INVALID'],
  ])('answers 400 to %s', async (_, options, headers, code) => {
    const { send, handler } = setUp(options)
    const response = await send(headers)
    expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ code })])
    expect(handler).not.toHaveBeenCalled()
  })

  it('refuses a body that it can not compare, also where the handler reads it', async () => {
    const { send, handler } = setUp({ maxBytes: 10 })
    expect((await send(key, 'x'.repeat(11))).status).toBe(413)
    expect((await send({}, 'x'.repeat(11))).status).toBe(200)
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('asks after everything that may refuse the request', async () => {
    const { send, seen } = setUp({ body, role: 'admin' })
    expect((await send({ ...key, cookie: 'x' })).status).toBe(403)
    expect((await send({ ...key, 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await setUp({ body }).send(key, '{"title":1}')).status).toBe(422)
    expect(seen).toEqual([])
  })

  it('answers 503 with a key while the database is away, and works without one', async () => {
    const { send, handler } = setUp({}, () => Promise.reject(new UnavailableError('x')))
    expect((await send(key)).status).toBe(503)
    expect(handler).not.toHaveBeenCalled()
    expect((await send({})).status).toBe(200)
  })

  it('can not be required where nothing recognises anything', () => {
    const route = createRoutes<typeof user>({
      authenticate: async () => undefined,
      rateLimit: async () => ({ allowed: true, limit: 1, remaining: 1, windowSeconds: 60, resetAt: 0, retryAfter: 0 }),
      capture: () => {},
    })
    expect(() => route({ route: '/a', idempotency: 'required', handler: () => new Response() })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })
})
