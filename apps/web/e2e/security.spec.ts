import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { freePort } from '@msc/core/testing'
import { REALTIME_ROUTES } from '@msc/realtime/server'
import { expect, test as base } from '@playwright/test'
import { seededUsers } from '../lib/db/seed.ts'
import { ENTRANCES, UNREACHABLE, type Entrance } from './support/entrances.ts'
import { startApp, type RunningApp } from './support/app.ts'

/** An app of its own: these tests use up its limits. */
const test = base.extend<object, { app: RunningApp; cookies: Readonly<Record<'artist' | 'admin', string>> }>({
  app: [
    async ({ browserName: _browser }, use) => {
      // One trusted proxy, so that a test can come from any address.
      const env = { MSC_PROFILE: 'local', MSC_ALLOW_EMBEDDED: '1', MSC_TRUSTED_HOPS: '1', CRON_SECRET: 'x'.repeat(32) }
      const app = await startApp(await freePort(), env)
      await use(app)
      await app.stop()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  cookies: [
    async ({ app }, use) => {
      const cookieOf = async ({ email, password }: { email: string; password: string }): Promise<string> => {
        const response = await fetch(`${app.url}/api/auth/sign-in`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.200' },
          body: JSON.stringify({ email, password }),
        })
        return response.headers.get('set-cookie')?.split(';')[0] as string
      }
      await use({ artist: await cookieOf(seededUsers[0]), admin: await cookieOf(seededUsers[1]) })
    },
    { scope: 'worker' },
  ],
})

let address = 0
/** Another address each time, so that no test uses up another's limits. */
const fresh = (): string => `203.0.${Math.floor(++address / 250)}.${(address % 250) + 1}`

interface Sent {
  readonly cookie?: string
  readonly from?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

function send(app: RunningApp, method: string, path: string, sent: Sent = {}): Promise<Response> {
  const { cookie, from = fresh(), body, headers } = sent
  return fetch(app.url + path, {
    method,
    redirect: 'manual',
    headers: {
      'x-forwarded-for': from,
      ...(cookie && { cookie }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
}

/** None where anybody may come: signing out would end the session of all other tests. */
function cookieOf({ identity }: Entrance, cookies: Readonly<Record<'artist' | 'admin', string>>): Sent {
  if (identity === 'admin') return { cookie: cookies.admin }
  return identity === 'user' ? { cookie: cookies.artist } : {}
}

const writes = ({ methods }: Entrance): boolean => methods.includes('POST')
const routes = (): string[] =>
  Object.values(
    JSON.parse(readFileSync(new URL('../.next/app-path-routes-manifest.json', import.meta.url), 'utf8')) as Record<
      string,
      string
    >,
  )

test('every route of the build has its promises', () => {
  expect(ENTRANCES.map(({ route }) => route).toSorted()).toEqual(
    routes()
      .filter((route) => !UNREACHABLE.includes(route))
      .toSorted(),
  )
})

for (const entrance of ENTRANCES) {
  const { route, kind, identity, path, body } = entrance
  const method = writes(entrance) ? 'POST' : 'GET'

  test(`${route}: headers, methods and identity`, async ({ app, cookies }) => {
    const cookieFor = cookieOf(entrance, cookies)
    const answers = [
      await send(app, method, path, { ...cookieFor, ...(method === 'POST' && { body: body ?? {} }) }),
      await send(app, method, path),
      await send(app, 'DELETE', path, cookieFor),
    ] as const
    for (const answer of answers) {
      expect(answer.headers.get('x-content-type-options'), `${answer.status}`).toBe('nosniff')
      expect(answer.headers.get('x-frame-options')).toBe('DENY')
      expect(answer.status).toBeLessThan(route === '/boom' ? 501 : 500)
    }
    const [allowed, stranger, wrongMethod] = answers
    if (kind === 'page' && allowed.status === 200) {
      const [, nonce] = /'nonce-([^']+)'/.exec(allowed.headers.get('content-security-policy') ?? '') ?? []
      expect(nonce).toMatch(/^[\w+/=]{20,}$/)
      const html = await allowed.text()
      const scripts = html.match(/<script[^>]*>/g) ?? []
      for (const script of scripts) expect(script).toContain(`nonce="${nonce}"`)
      expect(html).not.toMatch(/ style="/)
      // Another answer has another nonce.
      const again = await send(app, 'GET', path, cookieFor)
      expect(again.headers.get('content-security-policy')).not.toContain(nonce)
    }
    if (kind === 'json') {
      for (const answer of [allowed, stranger]) expect(answer.headers.get('cache-control')).toMatch(/no-store/)
      expect(wrongMethod.status).toBe(405)
    }
    const refusals: Readonly<Record<Entrance['kind'], readonly number[]>> = {
      page: identity === 'anybody' ? [200, 404] : [307],
      json:
        identity === 'user' || identity === 'admin' || identity === 'secret'
          ? [401, 404]
          : [200, 202, 204, 400, 401, 415],
      console: [404],
      file: [200],
    }
    expect(refusals[kind]).toContain(stranger.status)
    if (identity === 'admin') {
      const artist = await send(app, method, path, { cookie: cookies.artist, ...(method === 'POST' && { body }) })
      expect([403, 404]).toContain(artist.status)
    }
  })

  if (kind === 'json' && writes(entrance) && identity !== 'secret') {
    test(`${route}: refuses other sites, other types and too much`, async ({ app, cookies }) => {
      const cookie = cookieOf(entrance, cookies)
      const post = async (sent: Sent): Promise<number> => (await send(app, 'POST', path, { ...cookie, ...sent })).status
      expect(await post({ body: body ?? {}, headers: { 'sec-fetch-site': 'cross-site' } })).toBe(403)
      expect(await post({ body: body ?? {}, headers: { origin: 'https://elsewhere.example' } })).toBe(403)
      if (body === undefined) return
      // A page that is being left can send text only, so the ingest takes it.
      const asText = await post({ body: JSON.stringify(body), headers: { 'content-type': 'text/plain' } })
      expect(asText).toBe(route.startsWith('/api/msc') ? 204 : 415)
      expect(await post({ body: '{"a":' })).toBe(400)
      expect(await post({ body: { ...body, a: 'x'.repeat(400_000) } })).toBe(413)
      expect(await post({ body: [body] })).toBeGreaterThanOrEqual(400)
    })
  }
}

const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`
const HOSTILE: Readonly<Record<string, unknown>> = {
  NUL: 'a\u0000b',
  'half a surrogate pair': 'a\ud800',
  'the other half': '\udc00a',
  'nothing to see': '\u200b\u2060\ufeff',
  'a line break': 'a\nb',
  'a turned direction': 'a\u202eb',
  'year zero': '0000-01-01',
  'a far time': '275760-09-13',
  'a very long text': 'x'.repeat(250_000),
  'repeated keys': 'password=a&'.repeat(20_000),
  'repeated addresses': 'a.a@'.repeat(50_000),
  'a number': 1e308,
  null: null,
  'a list': ['a'],
  'an object': { toString: 1 },
}

for (const entrance of ENTRANCES.filter(({ texts }) => texts)) {
  test(`${entrance.route}: hostile values are refused, and stop nobody else`, async ({ app, cookies }) => {
    test.setTimeout(120_000)
    const cookie = entrance.identity === 'admin' ? cookies.admin : cookies.artist
    for (const field of entrance.texts ?? []) {
      for (const [what, value] of Object.entries(HOSTILE)) {
        const answer = await send(app, 'POST', entrance.path, { cookie, body: { ...entrance.body, [field]: value } })
        const text = await answer.text()
        // Some text is only odd, and fine where a person may write what they like.
        const odd = /^(?:nothing to see|year zero|a far time|a line break|a turned direction)$/.test(what)
        const strict = /see|line|turned/.test(what) ? field !== 'lyrics' && field !== 'note' : field === 'releaseDate'
        if (entrance.route === '/api/releases' ? !odd || strict : !odd) {
          expect(answer.status, `${field}: ${what}`).toBeGreaterThanOrEqual(400)
        }
        expect(answer.status, `${field}: ${what}`).toBeLessThan(500)
        expect(text.length).toBeLessThan(5000)
      }
    }
    const bodies = [
      deep,
      '{"__proto__":{"role":"admin"}}',
      '{"constructor":{"prototype":{}}}',
      '"text"',
      'null',
      '[]',
      '',
    ]
    for (const body of bodies) {
      const answer = await send(app, 'POST', entrance.path, { cookie, body })
      expect(answer.status, body.slice(0, 40)).toBeGreaterThanOrEqual(400)
      expect(answer.status, body.slice(0, 40)).toBeLessThan(500)
    }
  })
}

// After all others, since they use up what an account may do in a minute.
for (const entrance of ENTRANCES) {
  const { route, kind, identity, path } = entrance
  const method = writes(entrance) ? 'POST' : 'GET'
  if (kind === 'json' && entrance.calls !== undefined && Number.isFinite(entrance.calls)) {
    test(`${route}: limits an account, or an address`, async ({ app, cookies }) => {
      const cookie = identity === 'admin' ? cookies.admin : identity === 'user' ? cookies.artist : undefined
      const from = fresh()
      const statuses = new Set<number>()
      let refused: Response | undefined
      // Many at once, since the limit is for a minute; twice as many, since another minute may begin meanwhile.
      for (let calls = 0; calls <= (entrance.calls as number) * 2.2 && !refused; calls += 20) {
        // An account is counted wherever it sends from.
        const round = Array.from({ length: 20 }, () =>
          send(app, method, path, { ...(cookie ? { cookie } : { from }), body: method === 'POST' ? {} : undefined }),
        )
        for (const answer of await Promise.all(round)) {
          await answer.arrayBuffer().catch(() => undefined)
          statuses.add(answer.status)
          if (answer.status === 429) refused = answer
        }
      }
      expect(refused, [...statuses].join(', ')).toBeDefined()
      expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0)
    })
  }
}

test('what the gate counts is everything else; its groups are tested beside it', async ({ app }) => {
  const from = fresh()
  const statuses: number[] = []
  for (let call = 0; call < 600 && !statuses.includes(429); call += 50) {
    const round = Array.from({ length: 50 }, () => send(app, 'GET', '/devtools', { from }))
    for (const answer of await Promise.all(round)) {
      statuses.push(answer.status)
      await answer.arrayBuffer()
    }
  }
  expect(statuses).toContain(429)
  expect((await send(app, 'GET', '/devtools')).status).not.toBe(429)
})

/** Sends an address and a method as they are, which `fetch` would change or refuse. */
function raw(
  app: RunningApp,
  method: string,
  path: string,
  body = '',
  more: Readonly<Record<string, string>> = {},
): Promise<{ status?: number; location?: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(app.url)
    const headers = { 'x-forwarded-for': fresh(), ...(body && { 'content-length': body.length }), ...more }
    const sent = request({ hostname, port, method, path, headers, agent: false }, ({ statusCode, headers: answered }) =>
      resolve({
        ...(statusCode !== undefined && { status: statusCode }),
        ...(answered.location !== undefined && { location: answered.location }),
      }),
    )
    sent.once('error', reject)
    sent.end(body)
  })
}

test('a page takes no body, by whichever way it is addressed, and nothing answers 5xx', async ({ app }) => {
  const ways = [
    '/api/../sign-in',
    '/api/%2e%2e/sign-in',
    '/devtools/../sign-in',
    '/devtools/%2E%2E/sign-in',
    '/api\\..\\sign-in',
  ]
  for (const way of ways) expect(await raw(app, 'POST', way, 'x'.repeat(100)), way).toEqual({ status: 400 })
  for (const way of ['/sign-in', '//sign-in', '/%73ign-in', '/', '/_next/static/x', '/icon.svg']) {
    expect(await raw(app, 'POST', way, 'x'), way).toEqual({ status: 405 })
  }
  expect(await raw(app, 'OPTIONS', '*')).toEqual({ status: 400 })
  for (const way of ['/', '/api/health', '/devtools', '/realtime/v1/health']) {
    for (const method of ['TRACE', 'PROPFIND']) expect(await raw(app, method, way), way).toEqual({ status: 405 })
  }
  // A proxy's form of an address, RFC 9112 3.2.2.
  expect(await raw(app, 'GET', `${app.url}/sign-in`)).toEqual({ status: 200 })
  expect(await raw(app, 'GET', `http://elsewhere.example/releases`)).toMatchObject({
    status: 307,
    location: expect.stringMatching(/^\//),
  })
  expect(await raw(app, 'GET', '/_next/image?url=%2Fsign-in&w=640&q=75')).toMatchObject({ status: 404 })
})

test('what Next.js reads in other ways than the server gets no other answer', async ({ app }) => {
  const build = readFileSync(new URL('../.next/BUILD_ID', import.meta.url), 'utf8')
  for (const way of [`/_next/data/${build}/releases.json`, `/_next/data/${build}/api/health.json`, '/_next/data']) {
    expect((await send(app, 'GET', way)).status, way).toBe(404)
  }
  const file = (await (await send(app, 'GET', '/sign-in')).text()).match(/\/_next\/static\/[^"]+\.js/)?.[0] ?? ''
  for (const range of ['bytes=999999999-', 'bytes=5-1', 'bytes=0-3']) {
    expect((await send(app, 'GET', file, { headers: { range } })).status, range).toBe(200)
  }
  expect((await send(app, 'GET', file, { headers: { 'if-match': '"another"' } })).status).toBe(200)
  expect((await send(app, 'GET', '/_global-error')).status).toBe(404)
  expect((await send(app, 'GET', '//x/realtime/v1/health')).status).toBe(404)
  expect((await send(app, 'GET', '/iconXsvg')).headers.get('content-security-policy')).toContain('nonce-')
  // As clients ask who would rather speak HTTP/2.
  const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' }
  expect(await raw(app, 'GET', '/sign-in', '', headers)).toEqual({ status: 200 })
  expect(await raw(app, 'POST', '/api/auth/sign-in', '{}', headers)).toEqual({ status: 415 })
})

test('the realtime server answers as its own list says', async ({ app }) => {
  for (const { method, path, identity, upgrade } of REALTIME_ROUTES) {
    if (upgrade) continue
    const answer = await send(app, method, path.replace('{base}', '/realtime/v1').replace(/\{\w+\}/g, 'x'), {
      ...(method === 'POST' && { body: {} }),
    })
    expect(answer.headers.get('x-content-type-options'), path).toBe('nosniff')
    expect(answer.headers.get('cache-control'), path).toContain('no-store')
    if (identity !== 'none') expect([401, 403, 404, 410], path).toContain(answer.status)
  }
})

test('an address that a client makes up for itself is not counted', async ({ app }) => {
  const mine = fresh()
  const statuses: number[] = []
  for (let call = 0; call < 540 && !statuses.includes(429); call += 20) {
    const round = Array.from({ length: 20 }, (_, nth) => {
      const made = `203.0.113.${(call + nth) % 250}`
      const headers = { 'x-msc-client-address': made, 'x-real-ip': made }
      return send(app, 'POST', '/api/auth/sign-in', {
        body: {},
        from: `198.51.100.${(call + nth) % 250}, ${mine}`,
        headers,
      })
    })
    statuses.push(...(await Promise.all(round)).map(({ status }) => status))
  }
  expect(statuses).toContain(429)
})
