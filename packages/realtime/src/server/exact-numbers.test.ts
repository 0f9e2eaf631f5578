import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { signTestToken } from '../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const BIG = '{"id":9007199254740993,"x":1e400,"of":["12345678901234567890",0.12345678901234567891]}'
const config = { broadcast: { ack: true, self: true }, presence: { enabled: true } }
let server: StandaloneServer
let socket: RawSocket
let token: string
let texts: string[]
beforeEach(async () => {
  server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    history: [{ topics: 'kept', actions: 'author' }],
  })
  token = await signTestToken(jwtSecret, { sub: 'ana' })
  socket = await openRaw(server.url, token)
  texts = []
  socket.socket.on('message', (data) => texts.push(String(data)))
  for (const topic of ['room', 'kept']) await socket.ask(`realtime:${topic}`, 'phx_join', { config })
  await socket.ask('realtime:kept', 'msc_since', {})
})
afterEach(async () => {
  socket.socket.terminate()
  await server.close()
})
const heard = (part: string): Promise<void> => expect.poll(() => texts.some((text) => text.includes(part))).toBe(true)
const send = (topic: string, event: string, payload: string): void =>
  socket.socket.send(`[null,"r","realtime:${topic}","${event}",${payload}]`)

describe('a number that JavaScript would round', () => {
  it('comes as it was sent, by text and by binary frames', async () => {
    send('room', 'broadcast', `{"type":"broadcast","event":"text","payload":${BIG}}`)
    await heard(`"event":"text","payload":${BIG}`)
    const fields = ['', 'r', 'realtime:room', 'binary', ''].map((field) => Buffer.from(field))
    const head = Buffer.from([3, ...fields.map(({ length }) => length), 1])
    socket.socket.send(Buffer.concat([head, ...fields, Buffer.from(BIG)]))
    await heard(`"event":"binary","payload":${BIG}`)
    send('room', 'broadcast', '{"type":"broadcast","event":"alone","payload":9007199254740993}')
    await heard('"event":"alone","payload":9007199254740993')
  })

  it('changes nothing beside a broadcast, or a state, without a payload', async () => {
    const rest = '"also":12345678901234567890'
    send('room', 'broadcast', `{"type":"broadcast","event":"empty",${rest}}`)
    await heard('"event":"empty","payload":{}')
    send('room', 'presence', `{"type":"presence","event":"track",${rest}}`)
    await heard('"presence_diff"')
    expect(texts.filter((text) => text.includes('"status":"error"'))).toEqual([])
  })

  it('comes as it was sent by REST, beside what is nobody’s number', async () => {
    const post = (path: string, body: string): Promise<Response> =>
      fetch(`${server.url}/realtime/v1/api/broadcast${path}`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${token}` },
      })
    expect((await post('', `{"messages":[{"topic":"room","event":"many","payload":${BIG}}]}`)).status).toBe(202)
    await heard(`"event":"many","payload":${BIG}`)
    expect((await post('/room/events/one', BIG)).status).toBe(202)
    await heard(`"event":"one","payload":${BIG}`)
    expect((await post('', `{"messages":[{"topic":9007199254740993,"event":"e","payload":${BIG}}]}`)).status).toBe(422)
  })

  it('is kept, edited and tracked as it was sent', async () => {
    const said = socket.ask('realtime:kept', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
    const { id } = (await said).response as { id?: string }
    send('kept', 'msc_act', `{"id":"${id}","action":"update","payload":${BIG}}`)
    await heard(`"payload":${BIG}`)
    send('room', 'presence', `{"type":"presence","event":"track","payload":${BIG}}`)
    await heard(BIG.slice(1, -1))
    texts = []
    await socket.ask('realtime:kept', 'msc_since', { latest: { limit: 5 } })
    await heard(BIG)
  })
})

describe('what is published', () => {
  it('is null where that is given, and any other JSON', async () => {
    for (const payload of [null, 'text', [1], 7, false]) {
      await server.publish({ topic: 'room', event: 'e', payload, private: false })
      await heard(`"event":"e","payload":${JSON.stringify(payload)}`)
    }
    const headers = { authorization: `Bearer ${token}` }
    const body = JSON.stringify({ messages: [{ topic: 'room', event: 'rest', payload: null }] })
    expect((await fetch(`${server.url}/realtime/v1/api/broadcast`, { method: 'POST', body, headers })).status).toBe(202)
    await heard('"event":"rest","payload":null')
  })

  it('has no name with half a surrogate pair, of which a database makes one for all', async () => {
    const half = 'room:\ud800'
    expect(await socket.ask(`realtime:${half}`, 'phx_join', { config })).toMatchObject({
      msc: { code: 'PAYLOAD_INVALID', retryable: false },
    })
    for (const message of [
      { topic: half, event: 'e' },
      { topic: 'room', event: half },
    ]) {
      expect(() => server.publish({ ...message, payload: {}, private: false })).toThrow(
        expect.objectContaining({ code: 'REALTIME_NAME_INVALID' }),
      )
    }
    expect(await socket.ask('realtime:room:🎧', 'phx_join', { config })).toMatchObject({ status: 'ok' })
  })
})
