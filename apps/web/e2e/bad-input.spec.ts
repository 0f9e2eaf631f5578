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
    ['a form with a field that is none', 303, { form: { ...valid, owner: 'somebody' }, maxRedirects: 0 }],
    ['too much of it', 413, { headers: json, data: { ...valid, lyrics: 'x'.repeat(300_000) } }],
    ['another site', 403, { headers: { ...json, origin: 'https://elsewhere.example' }, data: valid }],
  ]
  for (const [what, status, options] of requests) {
    const response = await page.request.post(releases, options)
    expect(response.status(), what).toBe(status)
    if (status === 303) {
      expect(response.headers()['location'], what).toMatch(/^\/releases\/new\?form=[\da-f]{32}$/)
      continue
    }
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

test('a missing, made up or misused cookie signs nobody in, and a session opens no socket', async ({
  page,
  context,
  request,
  started,
}) => {
  const { app, backend } = started
  await signIn(page, app, 'artist')
  const { name, value } = (await context.cookies()).find((cookie) => cookie.name.endsWith('msc-session')) as {
    name: string
    value: string
  }
  expect(name).toBe(backend.secure ? '__Host-msc-session' : 'msc-session')
  const realtime = await page.request.post(`${app.url}/api/realtime/token`)
  const { token } = (await realtime.json()) as { token: string }
  const now = Math.floor(Date.now() / 1000)
  const signed = await new SignJWT({ role: 'authenticated', app_metadata: { role: 'admin' }, use: 'session' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(artist.id)
    .setIssuer('msc-web')
    .setAudience('authenticated')
    .setExpirationTime(now + 3600)
    .sign(new TextEncoder().encode(app.jwtSecret()))

  const post = (cookie: string | undefined) =>
    request.post(`${app.url}/api/releases`, { data: valid, headers: cookie === undefined ? {} : { cookie } })
  const cookies: [string, string | undefined][] = [
    ['missing', undefined],
    ['made up', `${name}=${'A'.repeat(43)}`],
    ['changed', `${name}=${value.slice(0, -1)}${value.endsWith('A') ? 'B' : 'A'}`],
    ['two that differ', `${name}=${value}; ${name}=${'A'.repeat(43)}`],
    ['of the other kind', `${name === 'msc-session' ? '__Host-msc-session' : 'msc-session'}=${value}`],
    ['made for a socket', `${name}=${token}`],
    ['signed with the key of realtime', `${name}=${signed}`],
    ['garbage', `${name}=%00;`],
  ]
  for (const [what, cookie] of cookies) {
    const response = await post(cookie)
    expect(response.status(), what).toBe(401)
    expect(await response.json(), what).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  }
  // The same request succeeds with the whole cookie, so the ones above failed because of theirs.
  expect((await post(`${name}=${value}`)).status()).toBe(201)
  if (backend.drivers.includes('embedded')) {
    const broadcast = (bearer: string) =>
      request.post(`${app.url}/realtime/v1/api/broadcast`, {
        headers: { authorization: `Bearer ${bearer}` },
        data: { messages: [] },
      })
    expect((await broadcast(value)).status()).toBe(401)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expect(page).toHaveURL(/sign-in/)
    // The token lives for minutes, and its session does not.
    expect((await broadcast(token)).status()).toBe(401)
  }
  expect((await post(`${name}=${value}`)).status()).toBe(backend.drivers.includes('embedded') ? 401 : 201)
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

test('a page takes any text in its address', async ({ page, started }) => {
  const { app } = started
  await signIn(page, app, 'artist')
  const texts = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '\u202e', '%00', 'x'.repeat(2000)]
  for (const text of texts) {
    for (const name of ['changed', 'form', 'q', 'after', 'before', 'next']) {
      for (const path of ['/account', '/releases', '/releases/new', '/sign-in']) {
        const address = `${app.url}${path}?${name}=${encodeURIComponent(text)}&${name}=again`
        expect((await page.request.get(address, { maxRedirects: 0 })).status(), address).toBeLessThan(400)
        const once = address.replace(/&.*$/, '')
        expect((await page.request.get(once, { maxRedirects: 0 })).status(), once).toBeLessThan(400)
      }
    }
    const path = encodeURIComponent(text || '.')
    for (const route of [`/api/cron/${path}`, `/api/releases/${path}`]) {
      expect((await page.request.get(app.url + route)).status(), route).toBeLessThan(500)
    }
  }
  await page.goto(`${app.url}/account?changed=password`)
  await expect(page.getByRole('status')).toHaveText(/password is changed/)
})

test('a step names its version as a whole number, and its reason in text that can be seen', async ({
  page,
  browser,
  started,
}) => {
  const { app } = started
  await signIn(page, app, 'artist')
  const made = await page.request.post(`${app.url}/api/releases`, { data: { ...valid, title: 'Step by step' } })
  const { release } = (await made.json()) as { release: { id: string } }
  const status = `${app.url}/api/releases/${release.id}/status`
  expect((await page.request.post(status, { data: { to: 'submitted' } })).status()).toBe(200)

  const admin = await browser.newPage()
  await signIn(admin, app, 'admin')
  for (const version of [true, '0x1', '1e0', [1], ['1'], ' 1', '', 1.5, 0, -1, '2147483648', {}, null]) {
    const refused = await admin.request.post(status, { data: { to: 'live', version } })
    expect(refused.status(), JSON.stringify(version)).toBe(422)
    expect(await refused.json()).toMatchObject({ issues: [{ path: 'version' }] })
  }
  for (const note of [' \u202e', '\u200b\u2060', '\u2800\u3164', '  \n ', '']) {
    const refused = await admin.request.post(status, { data: { to: 'draft', note } })
    expect(refused.status(), JSON.stringify(note)).toBe(422)
    expect(await refused.json()).toMatchObject({ code: 'NOTE_MISSING', issues: [{ path: 'note' }] })
  }
  expect((await admin.request.post(status, { form: { to: 'live', version: '1' } })).url()).not.toContain('form=')
  expect((await admin.request.post(status, { data: { to: 'draft', note: 'Two\nlines' } })).status()).toBe(200)
  await page.request.post(status, { data: { to: 'submitted' } })
  expect((await admin.request.post(status, { data: { to: 'live', version: 1 } })).status()).toBe(200)
  await admin.close()
})
