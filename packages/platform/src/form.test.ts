import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createRoutes, localPath, seeOther, type FormSent } from './route.ts'

interface User {
  readonly id: string
}
const params = { params: Promise.resolve({}) }
const limit = { allowed: true, limit: 5, remaining: 4, resetAt: 0, retryAfter: 0, windowSeconds: 60 }

function setUp(form: (sent: FormSent<User>) => Response) {
  const capture = vi.fn()
  const route = createRoutes<User>({
    authenticate: async (request) => (request.headers.has('cookie') ? { id: 'u1' } : undefined),
    rateLimit: async () => limit,
    capture,
  })
  const post = route({
    route: '/api/things',
    body: z.strictObject({ title: z.string().min(1) }),
    maxBytes: 500,
    form,
    handler: ({ body }) =>
      body.title === 'broken'
        ? Promise.reject(new Error('no'))
        : Response.json({ title: body.title }, { status: 201, headers: { 'set-cookie': 'a=1' } }),
  })
  const send = (body: string, headers: Record<string, string> = { cookie: 'x' }): Promise<Response> =>
    post(
      new Request('http://app.example/api/things', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8', ...headers },
        body,
      }),
      params,
    )
  return { send, post, capture }
}

/** Says where to go: the status that a program would have got, and the fields. */
const tell = ({ response, values }: FormSent<User>): Response =>
  seeOther(`/page?status=${response.status}&title=${values['title'] ?? ''}`, response)

describe('a route that a form may send to', () => {
  it.each([
    ['title=a', {}, '/page?status=201&title=a'],
    ['title=', {}, '/page?status=422&title='],
    ['title=a&title=b', {}, '/page?status=422&title='],
    ['__proto__=x&title=a', {}, '/page?status=422&title=a'],
    ['constructor=x&title=a', {}, '/page?status=422&title=a'],
    [`title=${'x'.repeat(600)}`, {}, '/page?status=413&title='],
    ['title=broken', {}, '/page?status=500&title=broken'],
    ['title=a', { cookie: undefined }, '/page?status=401&title='],
    ['title=a', { 'sec-fetch-site': 'cross-site' }, '/page?status=403&title='],
  ])('answers %s (%j) with a page', async (body, changes, location) => {
    const headers = Object.fromEntries(
      Object.entries({ cookie: 'x', ...changes }).filter(([, value]) => value),
    ) as Record<string, string>
    const response = await setUp(tell).send(body, headers)
    expect([response.status, response.headers.get('location')]).toEqual([303, location])
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  it('takes over the cookies and the limit, and nothing else', async () => {
    const response = await setUp(tell).send('title=a')
    expect(response.headers.get('set-cookie')).toBe('a=1')
    expect(response.headers.get('ratelimit')).toMatch(/^"api"/)
    expect(response.headers.has('content-type')).toBe(false)
  })

  it('still answers a program that sends JSON as before', async () => {
    const request = new Request('http://app.example/api/things', {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: 'x' },
      body: '{"title":"a"}',
    })
    const response = await setUp(tell).post(request, params)
    expect([response.status, await response.json()]).toEqual([201, { title: 'a' }])
  })

  it('is answered once for the key that a form carries', async () => {
    const run = vi.fn(async (_: unknown, work: (key: string) => Promise<Response>) => work('scoped'))
    const route = createRoutes<User>({
      authenticate: async () => ({ id: 'u1' }),
      rateLimit: async () => limit,
      capture: vi.fn(),
      idempotency: { run },
    })
    const handler = vi.fn(() => Response.json({}))
    const post = route({ route: '/api/things', body: z.strictObject({ title: z.string() }), form: tell, handler })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    await post(new Request('http://app.example/', { method: 'POST', headers, body: 'title=a&_key=k1' }), params)
    expect(run).toHaveBeenCalledWith(expect.objectContaining({ key: 'k1' }), expect.any(Function))
    expect(handler).toHaveBeenCalledWith(expect.objectContaining({ body: { title: 'a' }, idempotencyKey: 'scoped' }))
  })

  it.each([
    [
      'fails',
      () => {
        throw new Error('no page')
      },
    ],
    ['returns nothing', () => undefined as never],
  ])('answers as for a program when `form` %s, and reports it', async (_, form) => {
    const { send, capture } = setUp(form)
    expect((await send('title=a')).status).toBe(201)
    expect(capture).toHaveBeenCalledExactlyOnceWith(expect.any(Error), { route: '/api/things', method: 'POST' })
  })
})

describe('a path of this site', () => {
  it.each([
    ['/releases/42?tab=a', '/releases/42?tab=a'],
    ['/a/../b', '/b'],
    ['/a#b', '/a'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['/\t/evil.example', '/'],
    ['https://evil.example', '/'],
    ['javascript:alert(1)', '/'],
    ['/%2F/evil.example', '/%2F/evil.example'],
    ['/.//evil.example', '/evil.example'],
    ['/a/..//evil.example', '/evil.example'],
    ['releases', '/'],
    ['', '/'],
    [undefined, '/'],
    ['/\u0000', '/'],
    ['/a\r\nset-cookie: b=1', '/aset-cookie:%20b=1'],
  ])('is of %j: %s', (text, expected) => {
    expect(localPath(text)).toBe(expected)
    expect(seeOther(text as string).headers.get('location')).toBe(expected)
  })

  it('never leads elsewhere, whatever the text', () => {
    const piece = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      '@',
      ':',
      'evil.example',
      'http:',
      '\t',
      '\n',
      '?',
      '#',
      '%2f',
      '%5c',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 8 }), (pieces) => {
        const path = localPath(pieces.join(''))
        expect(new URL(path, 'https://app.example').origin).toBe('https://app.example')
        expect(path).toMatch(/^\/(?!\/)/)
      }),
      { numRuns: 2000 },
    )
  })
})
