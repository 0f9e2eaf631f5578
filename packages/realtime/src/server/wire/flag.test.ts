import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRaw } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'
import { flagOf } from './flag.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let server: StandaloneServer
let token: string
beforeAll(async () => {
  server = await startRealtimeServer({ jwtSecret, authorize: ({ topic }) => topic !== 'closed' })
  token = await signTestToken(jwtSecret, { sub: 'ana' })
})
afterAll(() => server.close())
const ask = async (path: string, body?: unknown): Promise<number> => {
  const headers = { authorization: `Bearer ${token}` }
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(`${server.url}/realtime/v1${path}`, { ...init, headers })
  await response.body?.cancel()
  return response.status
}

describe('whether a topic is private', () => {
  it('is read as Supabase reads it', () => {
    expect([true, 'true', '1'].map(flagOf)).toEqual([true, true, true])
    expect([false, 'false', '0', undefined, null].map(flagOf)).toEqual([false, false, false, false, false])
    expect([1, 0, 'yes', '', {}, [true], 'TRUE'].map(flagOf)).toEqual(Array.from({ length: 7 }))
  })

  it.each([
    ['true', 403],
    [1, 422],
    ['yes', 422],
    [null, 202],
    ['0', 202],
  ])('is public nowhere where a client says %j: REST answers %i', async (flag, status) => {
    const message = { topic: 'closed', event: 'e', payload: {}, private: flag }
    expect(await ask('/api/broadcast', { messages: [message] })).toBe(status)
  })

  it('is asked for in an address, and at a join, in the same words', async () => {
    expect(await ask('/api/broadcast/closed/events/e?private=1', {})).toBe(403)
    expect(await ask('/api/broadcast/closed/events/e?private=yes', {})).toBe(422)
    expect(await ask('/events?topic=closed&private=1')).toBe(403)
    expect(await ask('/events?topic=closed&private=yes')).toBe(422)
    const socket = await openRaw(server.url, token)
    const join = (flag: unknown): Promise<unknown> =>
      socket.ask('realtime:closed', 'phx_join', { config: { private: flag } })
    expect(await join('true')).toMatchObject({ msc: { code: 'FORBIDDEN' } })
    expect(await join(1)).toMatchObject({ msc: { code: 'PAYLOAD_INVALID' } })
    expect(await join(false)).toMatchObject({ status: 'ok' })
    socket.socket.terminate()
  })

  it('is of topics that are named: a stream that names them by `topics` is refused', async () => {
    expect(await ask('/events?topics=news')).toBe(422)
    expect(await ask('/events?topic=news&topics=more')).toBe(200)
  })
})
