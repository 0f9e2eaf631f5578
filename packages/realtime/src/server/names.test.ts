import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus, publishing } from '../bus/index.ts'
import { feedSource } from '../feed/source.ts'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { openPglite, type TestDatabase } from '../testing/test-database.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createRealtimeServer, startRealtimeServer, type StandaloneServer } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let db: TestDatabase
let server: StandaloneServer
let socket: RawSocket
let token: string
/** Of what the application is asked, and what it is told. */
let troubles: unknown[]
beforeEach(async () => {
  troubles = []
  db = await openPglite()
  server = await startRealtimeServer({
    jwtSecret,
    authorize: ({ topic }) => troubles.push(topic) > 0,
    feeds: feedSource({ client: db.client }),
    history: [{ topics: 'room:*' }],
    onError: (error) => void troubles.push(error),
  })
  await server.ready
  token = await signTestToken(jwtSecret, { sub: 'a' })
  socket = await openRaw(server.url, token)
})
afterEach(async () => {
  socket.socket.terminate()
  await server.close()
  await db.close()
})

const post = async (path: string, body: unknown): Promise<number> => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return (await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) })).status
}

describe.each([
  ['half of a surrogate pair', '\ud800'],
  ['a NUL', '\0'],
])('a name with %s', (_what, part) => {
  const name = `room:${part}`

  it('is refused for good at every door of strangers, and neither asked for nor reported', async () => {
    const refused = { status: 'error', msc: { code: 'PAYLOAD_INVALID', retryable: false } }
    const join = (topic: string, config: object): Promise<unknown> =>
      socket.ask(`realtime:${topic}`, 'phx_join', { config, access_token: token })
    for (const topic of [name, `feed:items:${part}`, `feed:${part}:a`]) {
      for (const isPrivate of [true, false]) {
        expect(await join(topic, { private: isPrivate })).toMatchObject(refused)
      }
    }
    for (const where of [{ schema: part }, { table: part }]) {
      expect(await join('pc', { postgres_changes: [{ event: '*', ...where }] })).toMatchObject({ status: 'error' })
    }
    expect(await join('t', { presence: { key: `a:${part}` } })).toMatchObject(refused)
    await join('room:1', {})
    const said = { type: 'broadcast', event: part, payload: {} }
    expect(await socket.ask('realtime:room:1', 'broadcast', said)).toMatchObject(refused)
    const messages = [
      { topic: name, event: 'e', payload: {} },
      { topic: 'room:1', event: part, payload: {} },
    ]
    for (const message of messages) expect(await post('/realtime/v1/api/broadcast', { messages: [message] })).toBe(422)
    expect(await post('/rest/v1/rpc/msc_feed_since', { topic: `feed:items:${part}` })).toBe(422)
    // A half is no longer one in an address.
    if (part === '\0') {
      const stream = await fetch(`${server.url}/realtime/v1/events?topic=room%00`, {
        headers: { authorization: `Bearer ${token}` },
      })
      expect(stream.status).toBe(422)
    }
    expect(troubles).toEqual([])
  })

  it('is refused to the application too, whatever it is given to', async () => {
    const wrong = { code: 'REALTIME_NAME_INVALID', retryable: false }
    const calls = [
      async () => server.publish({ topic: name, event: 'e', payload: {}, private: false }),
      async () => server.publish({ topic: 'room:1', event: part, payload: {}, private: false }),
      async () => server.history(name),
      async () => server.act({ topic: name, private: false, id: 'f1', action: 'delete' }),
      async () => server.occupancy(name),
    ]
    for (const call of calls) await expect(call()).rejects.toMatchObject(wrong)
    expect(troubles).toEqual([])
  })
})

it('what is published without a topic, an event or `private` is refused, wherever it would be kept', async () => {
  const inMemory = createRealtimeServer({ jwtSecret, authorize: () => true, history: [{ topics: '*' }] })
  const bus = publishing(memoryBus(createMemoryBusHub()), { jwtSecret })
  const signal = AbortSignal.timeout(5000)
  const whole = { topic: 'room:1', event: 'e', payload: {}, private: false }
  const wrong: [object, string][] = [
    [{ topic: undefined }, 'REALTIME_NAME_INVALID'],
    [{ topic: '' }, 'REALTIME_NAME_INVALID'],
    [{ topic: 7 }, 'REALTIME_NAME_INVALID'],
    [{ event: undefined }, 'REALTIME_NAME_INVALID'],
    [{ private: undefined }, 'OPTION_INVALID'],
    [{ private: 'yes' }, 'OPTION_INVALID'],
  ]
  for (const [change, code] of wrong) {
    const message = { ...whole, ...change } as typeof whole
    const refused = { code, retryable: false, hint: expect.any(String) as string }
    for (const each of [server, inMemory]) {
      await expect((async () => each.publish(message))()).rejects.toMatchObject(refused)
    }
    await expect(bus.publish([message], signal)).rejects.toMatchObject(refused)
  }
  for (const each of [server, inMemory]) {
    const action = { topic: 'room:1', id: 'f1', action: 'delete' } as never
    await expect(each.act(action)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(each.history(undefined as never)).rejects.toMatchObject({ code: 'REALTIME_NAME_INVALID' })
    await expect(each.occupancy('')).rejects.toMatchObject({ code: 'REALTIME_NAME_INVALID' })
    await each.publish(whole)
  }
  expect(troubles).toEqual([])
  await inMemory.close()
})
