import { afterEach, describe, expect, it } from 'vitest'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer, type TopicAction } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const sockets: RawSocket[] = []
let server: StandaloneServer
/** What can not be asked now. */
let away: readonly TopicAction[] = []
afterEach(async () => {
  away = []
  for (const { socket } of sockets.splice(0)) socket.terminate()
  await server.close()
})

async function serve(options: Partial<RealtimeServerOptions> = {}): Promise<void> {
  server = await startRealtimeServer({
    jwtSecret,
    authorize: async ({ action }) => {
      if (away.includes(action)) throw new Error('The database is away.')
      return true
    },
    onError: () => undefined,
    ...options,
  })
}
async function open(): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub: 'ana' }))
  sockets.push(socket)
  return socket
}
async function member(config: object = {}): Promise<RawSocket> {
  const socket = await open()
  const given = { private: true, broadcast: { ack: true }, ...config }
  expect(await socket.ask('realtime:room', 'phx_join', { config: given })).toMatchObject({ status: 'ok' })
  return socket
}
const note = { type: 'broadcast', event: 'note', payload: {} }
const passes = { status: 'error', msc: { code: 'UNAVAILABLE', retryable: true, retry_after_ms: 1000 } }

describe('policies that can not be asked', () => {
  it('refuse for now what is joined, sent and tracked, and allow it once they can be asked', async () => {
    await serve()
    const socket = await member()
    const track = { type: 'presence', event: 'track', payload: {} }
    const all = (): Promise<unknown[]> =>
      Promise.all([
        socket.ask('realtime:other', 'phx_join', { config: { private: true } }),
        socket.ask('realtime:changes', 'phx_join', { config: { postgres_changes: [{ event: '*', table: 'items' }] } }),
        socket.ask('realtime:room', 'broadcast', note),
        socket.ask('realtime:room', 'presence', track),
      ])
    away = ['read', 'write', 'presence']
    expect(await all()).toEqual(Array.from({ length: 4 }, () => expect.objectContaining(passes)))
    away = []
    expect(await all()).toEqual(Array.from({ length: 4 }, () => expect.objectContaining({ status: 'ok' })))
  })

  it('end a membership by a new token in a way after which the client joins again', async () => {
    await serve()
    const socket = await member()
    const token = await signTestToken(jwtSecret, { sub: 'ana' }, 7200)
    away = ['read']
    socket.say('realtime:room', 'access_token', { access_token: token })
    expect(await socket.ask('realtime:room', 'broadcast', note)).toMatchObject({
      response: { reason: 'unmatched topic' },
    })
    expect(socket.heard.map(([, event]) => event)).toEqual(['system', 'phx_error'])
    expect(socket.heard[0]?.[2]).toMatchObject({ message: expect.stringContaining('Unavailable') })
  })

  it('are 503 with Retry-After over HTTP', async () => {
    await serve()
    const authorization = `Bearer ${await signTestToken(jwtSecret, { sub: 'ana' })}`
    const body = JSON.stringify({ messages: [{ topic: 'room', event: 'e', payload: {}, private: true }] })
    const ask = async (path: string, init?: RequestInit): Promise<unknown> => {
      const response = await fetch(`${server.url}/realtime/v1${path}`, { ...init, headers: { authorization } })
      await response.body?.cancel()
      return [response.status, response.headers.get('retry-after')]
    }
    away = ['read', 'write']
    expect(await ask('/api/broadcast', { method: 'POST', body })).toEqual([503, '1'])
    expect(await ask('/api/broadcast/room/events/e?private=true', { method: 'POST', body: '{}' })).toEqual([503, '1'])
    expect(await ask('/events?topic=room&private=true')).toEqual([503, '1'])
  })

  it('keep the history of a feed for who may read it, and say that it may be tried again', async () => {
    const since = (): never => {
      throw new Error('It must not be read.')
    }
    await serve({
      feeds: { start: async () => undefined, since, replay: async () => [], close: async () => undefined } as never,
    })
    const authorization = `Bearer ${await signTestToken(jwtSecret, { sub: 'ana' })}`
    away = ['read']
    const response = await fetch(`${server.url}/rest/v1/rpc/msc_feed_since`, {
      method: 'POST',
      body: JSON.stringify({ topic: 'feed:items:ana' }),
      headers: { authorization },
    })
    expect([response.status, await response.json()]).toEqual([
      503,
      { error: expect.stringContaining('can not be said'), msc: { code: 'UNAVAILABLE' } },
    ])
  })

  it('refuse for now what is done to a message, and so does a rule’s function that fails', async () => {
    let fails = false
    const actions = async (): Promise<boolean> => {
      if (fails) throw new Error('The database is away.')
      return true
    }
    await serve({ history: [{ topics: 'room', actions }] })
    const socket = await member()
    const { id } = (await socket.ask('realtime:room', 'broadcast', note)).response as { id?: string }
    const again = await member()
    const act = (): Promise<unknown> => again.ask('realtime:room', 'msc_act', { id, action: 'react', name: 'like' })
    away = ['write']
    expect(await act()).toMatchObject(passes)
    away = []
    fails = true
    expect(await act()).toMatchObject(passes)
    fails = false
    expect(await act()).toMatchObject({ status: 'ok' })
  })
})
