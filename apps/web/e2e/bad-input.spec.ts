import { connect } from 'node:net'
import { SignJWT } from 'jose'
import { seededUsers } from '../lib/db/seed.ts'
import { expect, signIn, test } from './support/fixtures.ts'

const artist = seededUsers[0]
const valid = {
  title: 'Unwanted',
  artistName: 'Ines Valder',
  genre: 'Jazz',
  releaseDate: '2026-12-24',
  lyrics: '',
}

test('bad input gets a 4xx problem document and changes nothing', async ({ page, started }) => {
  const { app } = started
  await signIn(page, app, 'artist')
  const releases = `${app.url}/api/releases`
  const count = async (): Promise<number> =>
    ((await (await page.request.get(releases)).json()) as { releases: unknown[] }).releases.length
  const before = await count()
  const json = { 'content-type': 'application/json' }

  const requests: [string, number, Parameters<typeof page.request.post>[1]][] = [
    ['no body', 400, { headers: json }],
    ['not JSON', 400, { headers: json, data: Buffer.from('{"title":') }],
    ['an unknown property', 422, { headers: json, data: { ...valid, owner: 'somebody' } }],
    ['a missing property', 422, { headers: json, data: { title: 'x' } }],
    ['a wrong type', 422, { headers: json, data: { ...valid, title: 7 } }],
    ['an impossible date', 422, { headers: json, data: { ...valid, releaseDate: '2026-02-31' } }],
    ['an array', 422, { headers: json, data: [valid] }],
    ['another content type', 415, { headers: { 'content-type': 'text/plain' }, data: JSON.stringify(valid) }],
    ['a form', 415, { form: valid }],
    ['too much of it', 413, { headers: json, data: { ...valid, lyrics: 'x'.repeat(200_000) } }],
    ['another site', 403, { headers: { ...json, origin: 'https://elsewhere.example' }, data: valid }],
  ]
  for (const [what, status, options] of requests) {
    const response = await page.request.post(releases, options)
    expect(response.status(), what).toBe(status)
    expect(response.headers()['content-type'], what).toContain('application/problem+json')
    expect(await response.json(), what).toMatchObject({ status, title: expect.any(String) })
  }
  expect(await count()).toBe(before)
})

test('a body without a declared size is cut off at the limit', async ({ started }) => {
  const { app } = started
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(16 * 1024).fill(120))
    },
  })
  const response = await fetch(`${app.url}/api/auth/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: stream,
    // @ts-expect-error The types of fetch do not know that a streamed body needs this.
    duplex: 'half',
  })
  expect(response.status).toBe(413)
})

test('a missing, expired, forged or misused cookie signs nobody in', async ({ request, started }) => {
  const { app } = started
  const now = Math.floor(Date.now() / 1000)
  const sign = (secret: string, changes: Record<string, unknown> = {}, issuedAt = now): Promise<string> =>
    new SignJWT({
      role: 'authenticated',
      email: artist.email,
      app_metadata: { role: 'artist' },
      user_metadata: { name: artist.name },
      use: 'session',
      ...changes,
    })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('msc-web')
      .setAudience('authenticated')
      .setSubject(artist.id)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + 3600)
      .sign(new TextEncoder().encode(secret))
  const secret = app.jwtSecret()
  const good = await sign(secret)
  const [header, , signature] = good.split('.') as [string, string, string]
  const admin = Buffer.from(JSON.stringify({ sub: artist.id, use: 'session', exp: now + 99 })).toString('base64url')
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`

  const post = (cookie: string | undefined) =>
    request.post(`${app.url}/api/releases`, {
      data: valid,
      headers: cookie === undefined ? {} : { cookie: `msc-session=${cookie}` },
    })
  const cookies: [string, string | undefined][] = [
    ['missing', undefined],
    ['expired', await sign(secret, {}, now - 7200)],
    ['forged', await sign('another secret of more than thirty-two characters')],
    ['changed', `${header}.${admin}.${signature}`],
    ['unsigned', unsigned],
    ['made for a socket', await sign(secret, { use: 'realtime' })],
    ['garbage', '%00;'],
  ]
  for (const [what, cookie] of cookies) {
    const response = await post(cookie)
    expect(response.status(), what).toBe(401)
    expect(await response.json(), what).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  }
  // The same request succeeds with a valid cookie, so the ones above failed because of their cookies.
  expect((await post(good)).status()).toBe(201)
})

test('an unknown path is a 404, and so are an unknown release and another artist’s', async ({ page, started }) => {
  const { app } = started
  await signIn(page, app, 'artist')
  for (const path of [
    '/api/nothing',
    '/api/releases/not-a-uuid',
    '/api/releases/00000000-0000-4000-8000-000000000000',
  ]) {
    expect((await page.request.get(app.url + path)).status(), path).toBe(404)
  }
})

test('an invalid URL does not end the process', async ({ started }) => {
  const { app } = started
  const { port, hostname } = new URL(app.url)
  for (const address of ['//', '/\\', '*', '/%', '//realtime/v1/websocket']) {
    for (const headers of ['Connection: close', 'Connection: Upgrade\r\nUpgrade: websocket']) {
      await new Promise<void>((resolve) => {
        const socket = connect({ port: Number(port), host: hostname })
        socket.on('error', () => undefined)
        socket.on('close', () => resolve())
        socket.resume()
        socket.write(`GET ${address} HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`)
      })
    }
  }
  expect((await fetch(`${app.url}/`)).status).toBe(200)
})
