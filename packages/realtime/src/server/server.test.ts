import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { formatFrame, parseFrame } from '../phoenix/frames.ts'
import { parseIncoming } from './wire/parse-incoming.ts'
import { applyDiff, fromState, toState, type WireState } from '../client/presence.ts'
import { signTestToken } from '../testing/index.ts'
import { startRealtimeServer, type StandaloneServer } from './index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'

describe('frames', () => {
  const ref = fc.option(fc.string({ maxLength: 20 }))
  it('are read back as written, in both versions', () => {
    fc.assert(
      fc.property(
        ref,
        ref,
        fc.string(),
        fc.string(),
        fc.jsonValue(),
        fc.constantFrom('1.0.0' as const, '2.0.0' as const),
        (joinRef, own, topic, event, value, version) => {
          const frame = { joinRef, ref: own, topic, event, payload: JSON.parse(JSON.stringify({ value })) as unknown }
          expect(parseFrame(formatFrame(frame, version))).toEqual(frame)
        },
      ),
    )
  })
  it('that are none are undefined, never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array({ maxLength: 60 })), (data) => {
        const { frame } = parseIncoming(data, data.length, 10_000)
        if (frame) expect([typeof frame.topic, typeof frame.event]).toEqual(['string', 'string'])
      }),
    )
    const wrong = new Uint8Array([3, 255, 255, 255, 255, 255, 1, 0])
    expect(parseIncoming(wrong, wrong.length, 10_000)).toMatchObject({ code: 'PAYLOAD_INVALID' })
  })
})

describe('presence', () => {
  const meta = fc.record({ phx_ref: fc.constantFrom('r1', 'r2', 'r3'), n: fc.nat(3) })
  const state: fc.Arbitrary<WireState> = fc.dictionary(
    fc.constantFrom('a', 'b', '__proto__'),
    fc.record({ metas: fc.array(meta, { minLength: 1, maxLength: 2 }) }),
  )
  it('keeps no reference twice and no key without entries, whatever the diffs', () => {
    fc.assert(
      fc.property(state, fc.array(fc.record({ joins: state, leaves: state }), { maxLength: 5 }), (start, diffs) => {
        let presence = applyDiff(new Map(), { joins: start, leaves: {} })
        for (const diff of diffs) presence = applyDiff(presence, diff)
        for (const metas of presence.values()) expect(metas.length).toBeGreaterThan(0)
        for (const metas of Object.values(toState(presence)))
          for (const each of metas) expect(each).not.toHaveProperty('phx_ref')
      }),
    )
    expect(fromState({ a: { metas: [{ phx_ref: '1' }] } }).size).toBe(1)
  })
})

describe('the server', () => {
  let server: StandaloneServer
  let token: string
  beforeEach(async () => {
    server = await startRealtimeServer({
      jwtSecret: secret,
      authorize: ({ claims, topic }) => topic === `own:${claims.sub}`,
      limits: { framesPerSecond: 20, frameBytes: 10_000, connections: 20, topics: 3 },
    })
    token = await signTestToken(secret, { sub: 'a' })
  })
  afterEach(() => server.close())

  const open = async (query: string): Promise<{ socket: WebSocket; next: () => Promise<unknown[]> }> => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/realtime/v1/websocket?${query}`)
    const received: unknown[][] = []
    const waiting: ((frame: unknown[]) => void)[] = []
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as unknown[]
      const first = waiting.shift()
      if (first) first(frame)
      else received.push(frame)
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('unexpected-response', (_request, response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => reject(new Error(`${response.statusCode} ${Buffer.concat(chunks).toString()}`)))
      })
      socket.on('error', () => undefined)
    })
    return {
      socket,
      next: () =>
        new Promise((resolve) =>
          received.length > 0 ? resolve(received.shift() as unknown[]) : waiting.push(resolve),
        ),
    }
  }
  const closed = (socket: WebSocket): Promise<number> =>
    new Promise((resolve) => socket.once('close', (code) => resolve(code)))

  it.each([
    ['no key', '', '401 {"error":"API key is missing"}'],
    ['a forged key', 'apikey=eyJhbGciOiJIUzI1NiJ9.e30.AAAA', '401 {"error":"The token provided is not a valid JWT"}'],
    ['an unknown version', 'apikey=x&vsn=9.9.9', '400 {"error":"Unknown protocol version"}'],
  ])('refuses %s before the upgrade', async (_label, query, message) => {
    await expect(open(query)).rejects.toThrow(message)
  })

  it('answers heartbeats, refuses unknown topics, bounds topics', async () => {
    const { socket, next } = await open(`apikey=${token}&vsn=2.0.0`)
    socket.send(JSON.stringify([null, '1', 'phoenix', 'heartbeat', {}]))
    // With what Supabase does not say: over how long clients should come back.
    const response = { msc: { spread_ms: 6 } }
    expect(await next()).toEqual([null, '1', 'phoenix', 'phx_reply', { status: 'ok', response }])
    socket.send(JSON.stringify([null, '2', 'nonsense', 'phx_join', {}]))
    expect((await next())[4]).toMatchObject({ status: 'error', response: { reason: 'unmatched topic' } })
    for (let i = 0; i < 4; i++)
      socket.send(JSON.stringify([`${i}`, `${i}`, `realtime:r${i}`, 'phx_join', { config: {} }]))
    const statuses = []
    for (let i = 0; i < 4; i++) statuses.push(((await next())[4] as { status: string }).status)
    expect(statuses).toEqual(['ok', 'ok', 'ok', 'error'])
    socket.close()
  })

  it('closes a private topic when a new token is not valid, and says why', async () => {
    const { socket, next } = await open(`apikey=${token}&vsn=2.0.0`)
    socket.send(
      JSON.stringify(['1', '1', 'realtime:own:a', 'phx_join', { config: { private: true }, access_token: token }]),
    )
    expect((await next())[4]).toMatchObject({ status: 'ok' })
    socket.send(
      JSON.stringify([
        '1',
        '2',
        'realtime:own:a',
        'access_token',
        { access_token: await signTestToken(secret, { sub: 'b' }) },
      ]),
    )
    expect((await next())[3]).toBe('system')
    expect((await next())[3]).toBe('phx_close')
    expect(server.stats().rooms).toBe(0)
    socket.close()
  })

  it('takes a join without a token for one of whoever opened the connection', async () => {
    const { socket, next } = await open(`apikey=${await signTestToken(secret, { role: 'anon' })}&vsn=2.0.0`)
    const join = async (ref: string, accessToken?: string): Promise<unknown> => {
      const payload = { config: { private: true }, ...(accessToken !== undefined && { access_token: accessToken }) }
      socket.send(JSON.stringify([ref, ref, 'realtime:own:a', 'phx_join', payload]))
      return (await next())[4]
    }
    expect(await join('1', token)).toMatchObject({ status: 'ok' })
    // As after a sign-out: what the connection was used for before is nobody's now.
    expect(await join('2')).toMatchObject({ status: 'error' })
    socket.close()
  })

  it('closes a private topic when its token expires', async () => {
    const short = await signTestToken(secret, { sub: 'a' }, 2)
    const { socket, next } = await open(`apikey=${short}&vsn=2.0.0`)
    socket.send(
      JSON.stringify(['1', '1', 'realtime:own:a', 'phx_join', { config: { private: true }, access_token: short }]),
    )
    expect((await next())[4]).toMatchObject({ status: 'ok' })
    expect((await next())[4]).toMatchObject({ status: 'error', message: 'Token has expired' })
    expect((await next())[3]).toBe('phx_close')
    socket.close()
  })

  it('answers what is no frame or too large, and cuts the line of a flood alone', async () => {
    const good = await open(`apikey=${token}&vsn=2.0.0`)
    const bad = await open(`apikey=${token}&vsn=2.0.0`)
    bad.socket.send('{"not": "a frame"')
    bad.socket.send(JSON.stringify([null, '1', 'realtime:x', 'broadcast', { text: 'x'.repeat(20_000) }]))
    expect(await bad.next()).toEqual([
      null,
      '1',
      'realtime:x',
      'phx_reply',
      {
        status: 'error',
        response: { reason: 'PayloadTooLarge: A message has at most 10000 bytes' },
        msc: { code: 'PAYLOAD_TOO_LARGE', retryable: false },
      },
    ])
    const large = await open(`apikey=${token}&vsn=2.0.0`)
    large.socket.on('error', () => undefined)
    large.socket.send('x'.repeat(1024 * 1024 + 1))
    expect(await closed(large.socket)).toBe(1009)
    const flood = await open(`apikey=${token}&vsn=2.0.0`)
    for (let i = 0; i < 3000; i++) flood.socket.send(JSON.stringify([null, `${i}`, 'phoenix', 'heartbeat', {}]))
    expect(await closed(flood.socket)).toBe(1008)
    const garbage = await open(`apikey=${token}&vsn=2.0.0`)
    for (let i = 0; i < 2500; i++) garbage.socket.send('garbage')
    expect(await closed(garbage.socket)).toBe(1008)
    good.socket.send(JSON.stringify([null, '1', 'phoenix', 'heartbeat', {}]))
    expect((await good.next())[3]).toBe('phx_reply')
    good.socket.close()
    expect(server.stats().refused).toMatchObject({ PAYLOAD_TOO_LARGE: 1, FLOOD: 2 })
  })

  it('survives 100,000 random frames, and serves the next as if nothing had been', { timeout: 120_000 }, async () => {
    await server.close()
    server = await startRealtimeServer({
      jwtSecret: secret,
      authorize: ({ claims, topic }) => topic === `own:${claims.sub}`,
      limits: { framesPerSecond: 1_000_000, frameBytes: 10_000, topics: 20, perAccount: false, perAddress: false },
    })
    const events = ['phx_join', 'phx_leave', 'broadcast', 'presence', 'access_token', 'msc_since', 'other', '']
    const topics = ['realtime:x', 'realtime:own:a', 'realtime:feed:items:a', 'realtime:', 'phoenix']
    const config = fc.record(
      {
        private: fc.oneof(fc.boolean(), fc.jsonValue()),
        broadcast: fc.oneof(fc.record({ ack: fc.boolean(), self: fc.boolean() }), fc.jsonValue()),
        presence: fc.oneof(fc.record({ key: fc.string(), enabled: fc.boolean() }), fc.jsonValue()),
        postgres_changes: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const payload = fc.oneof(
      fc.jsonValue(),
      fc.record(
        { config, access_token: fc.oneof(fc.constant(token), fc.string(), fc.jsonValue()) },
        { requiredKeys: [] },
      ),
      fc.record({ type: fc.string(), event: fc.constantFrom('track', 'untrack', 'e', ''), payload: fc.jsonValue() }),
      fc.record({ after: fc.oneof(fc.string(), fc.jsonValue()) }),
    )
    const ref = fc.option(fc.string({ maxLength: 8 }))
    const topic = fc.oneof(fc.constantFrom(...topics), fc.string())
    const wellFormed = fc.sample(
      fc.tuple(ref, ref, topic, fc.constantFrom(...events), payload).map((frame) => JSON.stringify(frame)),
      { numRuns: 4000, seed: 42 },
    )
    const malformed = fc.sample(fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.string()), { numRuns: 400, seed: 42 })
    const connect = async (): Promise<WebSocket> => {
      const socket = new WebSocket(
        `${server.url.replace('http', 'ws')}/realtime/v1/websocket?apikey=${token}&vsn=2.0.0`,
      )
      socket.on('error', () => undefined)
      await new Promise((resolve) => socket.once('open', resolve))
      return socket
    }
    let socket = await connect()
    for (let sent = 0; sent < 100_000; sent++) {
      if (socket.readyState !== WebSocket.OPEN) socket = await connect()
      // Most of them keep the connection; each of the others costs it.
      const isMalformed = sent % 100 === 99
      socket.send((isMalformed ? malformed[sent % 400] : wellFormed[sent % 4000]) as string | Uint8Array)
      if (isMalformed) await new Promise((resolve) => setImmediate(resolve))
    }
    socket.terminate()
    const { socket: after, next } = await open(`apikey=${token}&vsn=1.0.0`)
    after.send(JSON.stringify({ topic: 'phoenix', event: 'heartbeat', payload: {}, ref: '1' }))
    expect(await next()).toMatchObject({ event: 'phx_reply', ref: '1' })
    after.close()
    await expect.poll(() => server.stats()).toMatchObject({ connections: 0, rooms: 0 })
  })

  it('takes REST broadcasts: 202, 401, 403, 405, 413, 422', async () => {
    const service = await signTestToken(secret, { role: 'service_role' })
    const post = async (body: string, bearer: string | undefined, method = 'POST', path = '') =>
      (
        await fetch(`${server.url}/realtime/v1/api/broadcast${path}`, {
          method,
          ...(method === 'POST' && { body }),
          headers: bearer ? { authorization: `Bearer ${bearer}` } : {},
        })
      ).status
    const message = JSON.stringify({ messages: [{ topic: 'own:a', event: 'e', payload: {}, private: true }] })
    expect(await post(message, service)).toBe(202)
    expect(await post(message, token)).toBe(202)
    expect(await post(message, await signTestToken(secret, { sub: 'b' }))).toBe(403)
    expect(await post(message, undefined)).toBe(401)
    expect(await post(message, 'forged')).toBe(401)
    expect(await post('{"messages":[{"topic":1}]}', service)).toBe(422)
    expect(await post('not json', service)).toBe(422)
    expect(await post('x'.repeat(20_000), service)).toBe(413)
    expect(await post('', service, 'GET')).toBe(405)
    expect(await post('{"a":1}', service, 'POST', '/own%3Aa/events/e?private=true')).toBe(202)
    expect(await post('{"a":1}', service, 'POST', '/%E0%A4%A/events/e')).toBe(422)
    expect(await post('{"a":1}', service, 'POST', `/${'t'.repeat(300)}/events/e`)).toBe(422)
    expect(await post('{"messages":[null]}', service)).toBe(422)
  })
})
