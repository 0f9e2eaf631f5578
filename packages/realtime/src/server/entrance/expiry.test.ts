import { systemClock } from '@msc/core'
import { afterEach, describe, expect, it } from 'vitest'
import { createRealtime, type Realtime } from '../../create-realtime.ts'
import { memory } from '../../drivers/memory.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const HOUR = 3_600_000
const sockets: RawSocket[] = []
let client: Realtime | undefined
let server: StandaloneServer
/** How far the server's clock is ahead. */
let aheadMs = 0
afterEach(async () => {
  aheadMs = 0
  await client?.close()
  client = undefined
  for (const { socket } of sockets.splice(0)) socket.terminate()
  await server.close()
})

async function serve(): Promise<void> {
  const clock = { ...systemClock, now: () => Date.now() + aheadMs }
  server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    clock,
    history: [{ topics: 'kept', actions: 'author' }],
  })
}
async function open(token: string): Promise<RawSocket> {
  const socket = await openRaw(server.url, token)
  sockets.push(socket)
  return socket
}
const config = { broadcast: { ack: true } }
const note = { type: 'broadcast', event: 'note', payload: {} }

describe('a token that expires on a public topic', () => {
  it('allows nothing from that moment on, and is told to have ended the topic', async () => {
    await serve()
    const socket = await open(await signTestToken(jwtSecret, { sub: 'ana' }))
    await socket.ask('realtime:kept', 'phx_join', { config })
    const { id } = (await socket.ask('realtime:kept', 'broadcast', note)).response as { id?: string }
    aheadMs = HOUR
    // Whether or not the server has looked already.
    expect((await socket.ask('realtime:kept', 'broadcast', note)).status).toBe('error')
    expect((await socket.ask('realtime:kept', 'msc_act', { id, action: 'delete' })).status).toBe('error')
    await expect.poll(() => socket.heard.map(([, event]) => event), { timeout: 3000 }).toEqual(['system', 'phx_close'])
    expect(socket.heard[0]?.[2]).toMatchObject({ message: 'Token has expired' })
    // Nor by the token of the connection, where a join has none of its own.
    expect(await socket.ask('realtime:kept', 'phx_join', { config })).toMatchObject({
      response: { reason: 'InvalidJWTToken: Token has expired' },
      msc: { code: 'FORBIDDEN' },
    })
    const renewed = await signTestToken(jwtSecret, { sub: 'ana' }, 7200)
    const joined = await socket.ask('realtime:kept', 'phx_join', { config, access_token: renewed })
    expect(joined.status).toBe('ok')
  })

  it('ends a plain stream of it, and says so', async () => {
    await serve()
    const headers = { authorization: `Bearer ${await signTestToken(jwtSecret, { sub: 'ana' })}` }
    const stream = await fetch(`${server.url}/realtime/v1/events?topic=news`, { headers })
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
    aheadMs = HOUR
    let text = ''
    while (!text.includes('event: closed')) text += (await reader?.read())?.value ?? ''
    await reader?.cancel()
    expect(text).toContain('data: {"topic":"news"}')
  })

  it('sends a client of ours away, who comes back with another token', async () => {
    await serve()
    let asked = 0
    client = createRealtime({
      driver: memory({ server }),
      getToken: () => {
        asked += 1
        return signTestToken(jwtSecret, { sub: 'ana' }, asked === 1 ? 3600 : 7200)
      },
      random: () => 0,
    })
    const heard: unknown[] = []
    const channel = client.channel('room')
    channel.on('note', (payload) => heard.push(payload))
    await channel.ready
    const away = new Promise<void>((resolve) => client?.onStatus((status) => status === 'reconnecting' && resolve()))
    aheadMs = HOUR
    await away
    await expect.poll(() => client?.status, { timeout: 5000 }).toBe('connected')
    await server.publish({ topic: 'room', event: 'note', payload: { n: 1 }, private: false })
    await expect.poll(() => heard).toEqual([{ n: 1 }])
  })
})
