import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openRaw } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import {
  REALTIME_ROUTES,
  createRealtimeServer,
  startRealtimeServer,
  type RealtimeRoute,
  type StandaloneServer,
} from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let server: StandaloneServer
let token: string
beforeEach(async () => {
  server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    limits: { frameBytes: 1000, perAccount: { sockets: 1 } },
  })
  token = await signTestToken(jwtSecret, { sub: 'a' })
})
afterEach(() => server.close())

const addressOf = ({ path }: RealtimeRoute): string =>
  path.replace('{base}', '/realtime/v1').replaceAll(/\{\w+\}/g, 'x')
const requests = REALTIME_ROUTES.filter(({ upgrade }) => !upgrade)
const ask = async (route: RealtimeRoute, init: RequestInit = {}): Promise<Response> => {
  const response = await fetch(`${server.url}${addressOf(route)}`, {
    method: route.method,
    ...(route.method === 'POST' && { body: '{}' }),
    ...init,
  })
  await response.body?.cancel()
  return response
}
const isProtected = ({ headers }: Response): boolean =>
  headers.get('x-content-type-options') === 'nosniff' && (headers.get('cache-control')?.startsWith('no-store') ?? false)

describe('the routes of the server', () => {
  it.each(requests.map((route) => [route.method, route.path, route] as const))(
    '%s %s is answered, to whom the list says',
    async (_m, _p, route) => {
      const [stranger, user] = [await ask(route), await ask(route, { headers: { authorization: `Bearer ${token}` } })]
      if (route.identity === 'token') expect(stranger.status).toBe(401)
      if (route.identity === 'service') expect([stranger.status, user.status]).toEqual([401, 403])
      if (route.identity === 'none') expect(stranger.status).toBe(200)
      if (route.identity === 'stream') expect([stranger.status, user.status]).toEqual([410, 410])
      expect([401, 405]).not.toContain(user.status)
      expect([isProtected(stranger), isProtected(user)]).toEqual([true, true])
    },
  )

  it.each(requests.map((route) => [route.method, route.path, route] as const))(
    '%s %s counts what the list says of it',
    async (_m, _p, route) => {
      const limited = createRealtimeServer({
        jwtSecret,
        authorize: () => true,
        feeds: {
          start: async () => undefined,
          since: async () => ({ cursor: '', events: [], gap: false, more: false }),
          replay: async () => [],
          close: async () => undefined,
        },
        limits: { perAddress: Object.fromEntries(route.limits.map((name) => [name, 0])) },
      })
      const request = new Request(
        `http://x${addressOf(route)}${route.name === 'events' ? '?topic=feed:items:a' : ''}`,
        {
          method: route.method,
          headers: { authorization: `Bearer ${token}` },
          ...(route.method === 'POST' && {
            body: JSON.stringify({ topic: 'feed:items:a', messages: [{ topic: 't', event: 'e', payload: {} }] }),
          }),
        },
      )
      expect((await limited.handleRequest(request, { address: '192.0.2.1' }))?.status).toBe(429)
      await limited.close()
    },
  )

  it('are the only ones: nothing else in the server looks at an address', () => {
    const folder = fileURLToPath(new URL('..', import.meta.url))
    const sources = readdirSync(folder, { recursive: true }).map(String)
    const looking = sources.filter(
      (name) =>
        name.endsWith('.ts') &&
        !name.endsWith('.test.ts') &&
        readFileSync(`${folder}${name}`, 'utf8').includes('pathname'),
    )
    // The table's own matching, its use for requests, and the question whether a request is this server's at all.
    expect(looking.toSorted()).toEqual(['create-server.ts', 'http/handle-http.ts', 'http/routes.ts'])
    expect(readFileSync(`${folder}http/handle-http.ts`, 'utf8').match(/pathname/g)).toHaveLength(1)
  })

  it('leave to others what is not theirs', async () => {
    for (const path of [
      '/',
      '/rest/v1/rpc/other',
      '/realtime/v1/api',
      '/realtime/v1/events/x/y',
      '/realtime/v2/health',
    ]) {
      expect(await server.handleRequest(new Request(`http://x${path}`))).toBeUndefined()
    }
  })
})

it.each([
  ['a method that is none of its own', '/realtime/v1/api/broadcast', { method: 'DELETE' }, 405],
  ['a body that is too large', '/realtime/v1/api/broadcast', { method: 'POST', body: 'x'.repeat(5000) }, 413],
  ['an address under it that is nobody’s', '/realtime/v1/nothing', {}, 404],
  ['an address of nobody', '/nothing', {}, 404],
  ['a socket that is asked for as a page', '/realtime/v1/websocket', {}, 426],
  ['a preflight', '/realtime/v1/api/broadcast', { method: 'OPTIONS' }, 204],
])('%s is answered with nosniff and no-store', async (_what, path, init, status) => {
  const response = await fetch(`${server.url}${path}`, init)
  expect(response.status).toBe(status)
  expect(isProtected(response)).toBe(true)
})

it.each([
  ['without a key', 'GET /realtime/v1/websocket HTTP/1.1', '401'],
  ['in an unknown version', 'GET /realtime/v1/websocket?vsn=9 HTTP/1.1', '400'],
  ['without the header fields of a handshake', 'GET /realtime/v1/websocket?apikey=TOKEN HTTP/1.1', '400'],
])('an upgrade %s is refused with nosniff and no-store', async (_what, line, status) => {
  const socket = connect({ port: server.port, host: '127.0.0.1' })
  let answer = ''
  socket.on('data', (bytes) => (answer += String(bytes)))
  socket.write(`${line.replace('TOKEN', token)}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  await new Promise((resolve) => socket.once('close', resolve))
  expect(answer).toContain(`HTTP/1.1 ${status} `)
  expect(answer.toLowerCase()).toContain('x-content-type-options: nosniff')
  expect(answer.toLowerCase()).toContain('cache-control: no-store')
  // A handshake that failed keeps no place.
  const { socket: taken } = await openRaw(server.url, token)
  taken.terminate()
})
