import { setErrorReporter } from '@msc/core'
import { afterEach, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type Authorize, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
  vi.restoreAllMocks()
})

/** A connection that answers with the next reply to a frame. */
async function connect(authorize: Authorize): Promise<(event: string, payload?: unknown) => Promise<unknown>> {
  const server = await startRealtimeServer({ jwtSecret, authorize })
  servers.push(server)
  const token = await signTestToken(jwtSecret, { sub: 'a' })
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/realtime/v1/websocket?apikey=${token}&vsn=2.0.0`)
  await new Promise((resolve) => socket.once('open', resolve))
  const replies = new Map<string, (status: unknown) => void>()
  socket.on('message', (data) => {
    const [, ref, , event, payload] = JSON.parse(String(data)) as [null, string, string, string, { status: string }]
    if (event === 'phx_reply') replies.get(ref)?.(payload.status)
  })
  let ref = 0
  return (event, payload = {}) => {
    const own = String(++ref)
    const topic = event === 'heartbeat' ? 'phoenix' : 'realtime:room'
    const reply = new Promise((resolve) => replies.set(own, resolve))
    socket.send(JSON.stringify(['1', own, topic, event, payload]))
    return reply
  }
}
const config = { private: true, broadcast: { ack: true } }
const note = { type: 'broadcast', event: 'note', payload: {} }

it('are asked once for a token, not for each message; a no is asked again, and a new token anew', async () => {
  const asked: string[] = []
  let yes = false
  const send = await connect(({ action }) => {
    asked.push(action)
    return action === 'read' || yes
  })
  expect(await send('phx_join', { config })).toBe('ok')
  expect(await send('broadcast', note)).toBe('error')
  yes = true
  for (let n = 0; n < 5; n++) expect(await send('broadcast', note)).toBe('ok')
  expect(asked).toEqual(['read', 'write', 'write'])
  yes = false
  const renewed = await signTestToken(jwtSecret, { sub: 'a' }, 7200)
  void send('access_token', { access_token: renewed })
  expect(await send('broadcast', note)).toBe('error')
  expect(asked).toEqual(['read', 'write', 'write', 'read', 'write'])
})

it('that can not be asked are a no, in time, and keep no heartbeat waiting', async () => {
  const reported: string[] = []
  const restore = setErrorReporter((_error, { operation, action }) => reported.push(`${operation} ${String(action)}`))
  const { signal, never } = silence()
  const send = await connect((_question, given) => {
    given.addEventListener('abort', signal)
    return never
  })
  const joined = send('phx_join', { config })
  expect(await send('heartbeat')).toBe('ok')
  expect(await joined).toBe('error')
  expect(signal).toHaveBeenCalledOnce()
  expect(reported).toEqual(['authorize read'])
  restore()
}, 15_000)

function silence(): { signal: ReturnType<typeof vi.fn<() => void>>; never: Promise<boolean> } {
  return { signal: vi.fn<() => void>(), never: new Promise<boolean>(() => undefined) }
}
