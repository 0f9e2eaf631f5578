// The vendor's SDK as its documentation shows it, without our client in between.
import { connect, type Socket } from 'node:net'
import { createClient, type RealtimeChannel, type SupabaseClient } from '@supabase/supabase-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signTestToken } from '../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from './index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
let server: StandaloneServer
let anonKey: string
const clients: SupabaseClient[] = []
beforeEach(async () => {
  anonKey = await signTestToken(secret, { role: 'anon' })
  server = await startRealtimeServer({
    jwtSecret: secret,
    authorize: ({ claims, topic }) => topic === `own:${claims.sub}`,
    limits: { pingMs: 200 },
  })
})
afterEach(async () => {
  for (const client of clients.splice(0)) {
    await client.removeAllChannels()
    await client.realtime.disconnect()
  }
  await server.close()
})

const subscribed = (channel: RealtimeChannel): Promise<string> =>
  new Promise((resolve) =>
    channel.subscribe((status, error) => resolve(error ? `${status}: ${error.message}` : status)),
  )

describe.each(['1.0.0', '2.0.0'] as const)('protocol %s', (vsn) => {
  const open = async (sub: string): Promise<SupabaseClient> => {
    const token = await signTestToken(secret, { sub })
    const client = createClient(server.url, anonKey, {
      accessToken: async () => token,
      realtime: { vsn } as never,
    })
    clients.push(client)
    await client.realtime.setAuth()
    return client
  }

  it('broadcasts: acknowledged, to others, to itself where it wants that, and over REST', async () => {
    const heard: unknown[] = []
    const [one, two] = [await open('a'), await open('b')]
    const first = one.channel('room', { config: { broadcast: { ack: true, self: true } } })
    const second = two.channel('room')
    for (const [name, channel] of [
      ['1', first],
      ['2', second],
    ] as const) {
      channel.on('broadcast', { event: 'note' }, ({ payload }) => heard.push([name, payload]))
    }
    expect([await subscribed(first), await subscribed(second)]).toEqual(['SUBSCRIBED', 'SUBSCRIBED'])
    expect(await first.send({ type: 'broadcast', event: 'note', payload: { n: 1, text: 'Å 🎵' } })).toBe('ok')
    await expect.poll(() => heard).toHaveLength(2)
    expect(await two.channel('room').httpSend('note', { n: 2 })).toMatchObject({ success: true })
    await expect.poll(() => heard).toHaveLength(4)
    expect(heard.toSorted()).toEqual(
      [
        ['1', { n: 1, text: 'Å 🎵' }],
        ['1', { n: 2 }],
        ['2', { n: 1, text: 'Å 🎵' }],
        ['2', { n: 2 }],
      ].toSorted(),
    )
  })

  it('shows who is there: joins, updates and leaves', async () => {
    const [one, two] = [await open('a'), await open('b')]
    const events: string[] = []
    const first = one.channel('lobby', { config: { presence: { key: 'a' } } })
    first
      .on('presence', { event: 'join' }, ({ key }) => events.push(`+${key}`))
      .on('presence', { event: 'leave' }, ({ key }) => events.push(`-${key}`))
    expect(await subscribed(first)).toBe('SUBSCRIBED')
    expect(await first.track({ page: 1 })).toBe('ok')
    const second = two.channel('lobby', { config: { presence: { key: 'b' } } })
    second.on('presence', { event: 'sync' }, () => undefined)
    expect(await subscribed(second)).toBe('SUBSCRIBED')
    expect(await second.track({ page: 2 })).toBe('ok')
    await expect.poll(() => events).toEqual(['+a', '+b'])
    expect(Object.keys(second.presenceState()).toSorted()).toEqual(['a', 'b'])
    expect(await second.untrack()).toBe('ok')
    await expect.poll(() => events).toEqual(['+a', '+b', '-b'])
    await two.removeChannel(second)
    expect(Object.keys(first.presenceState())).toEqual(['a'])
  })

  it('lets nobody read, write or track on a private channel that is not theirs', async () => {
    const [one, two] = [await open('a'), await open('b')]
    const config = { config: { private: true, broadcast: { ack: true } } }
    const heard: unknown[] = []
    const own = one.channel('own:a', config)
    own.on('broadcast', { event: '*' }, ({ payload }) => heard.push(payload))
    expect(await subscribed(own)).toBe('SUBSCRIBED')
    const foreign = two.channel('own:a', config)
    const refused = await subscribed(foreign)
    expect(refused).toMatch(/CHANNEL_ERROR: .*Unauthorized/)
    // It makes its message of all that it finds in the response.
    expect(refused).not.toContain('[object')
    await expect(foreign.httpSend('note', {})).rejects.toThrow()
    await two.removeChannel(foreign)
    // A public room of the same name is another room.
    const other = two.channel('own:a', { config: { broadcast: { ack: true } } })
    expect(await subscribed(other)).toBe('SUBSCRIBED')
    expect(await other.send({ type: 'broadcast', event: 'note', payload: {} })).toBe('ok')
    expect(heard).toEqual([])
  })
})

it('carries bytes, in the version that has them', async () => {
  const heard: unknown[] = []
  const channels: RealtimeChannel[] = []
  for (const sub of ['a', 'b']) {
    const client = createClient(server.url, anonKey, { realtime: { vsn: '2.0.0' } as never })
    clients.push(client)
    const channel = client.channel('room', { config: { broadcast: { ack: true } } })
    channel.on('broadcast', { event: 'wave' }, ({ payload }) =>
      heard.push([sub, new Uint8Array(payload as ArrayBuffer)]),
    )
    expect(await subscribed(channel)).toBe('SUBSCRIBED')
    channels.push(channel)
  }
  const bytes = new Uint8Array([0, 1, 2, 250, 255])
  expect(await channels[0]?.send({ type: 'broadcast', event: 'wave', payload: bytes.buffer })).toBe('ok')
  await expect.poll(() => heard).toEqual([['b', bytes]])
})

it('lets go of whoever does not answer its pings', async () => {
  const socket: Socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(
    `GET /realtime/v1/websocket?apikey=${anonKey}&vsn=2.0.0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n\r\n',
  )
  await new Promise((resolve) => socket.once('data', resolve))
  socket.resume()
  await expect.poll(() => server.stats().connections).toBe(1)
  await closed
  await expect.poll(() => server.stats().connections).toBe(0)
})
