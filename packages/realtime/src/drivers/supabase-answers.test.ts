import { DriverError, systemClock } from '@msc/core'
import type { RealtimeChannel } from '@supabase/supabase-js'
import { afterEach, describe, expect, it } from 'vitest'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import type { RealtimeDriver, Subscription } from '../driver.ts'
import { supabase } from './supabase.ts'
import { createSender } from './supabase-answers.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const { signal } = new AbortController()
const core = { DriverError, systemClock }

describe('what a server of ours refuses, over the SDK', () => {
  let server: StandaloneServer
  const drivers: RealtimeDriver[] = []
  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.close()))
    await server.close()
  })
  async function join(sub: string, options: Partial<RealtimeServerOptions> = {}): Promise<Subscription> {
    if (drivers.length === 0) server = await startRealtimeServer({ jwtSecret, authorize: () => true, ...options })
    const driver = supabase({ url: server.url, anonKey: await signTestToken(jwtSecret, { role: 'anon' }) })
    drivers.push(driver)
    const handlers = { onMessage() {}, onPresence() {}, onDown() {} }
    const token = await signTestToken(jwtSecret, { sub })
    return driver.subscribe('room', { private: true, self: false, token, presenceKey: sub }, handlers, signal)
  }
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])

  it('for good is not worth another try', async () => {
    const room = await join('ana', { authorize: ({ action }) => action !== 'write' })
    await expect(room.send('said', {}, signal)).rejects.toMatchObject({ code: 'REALTIME_REFUSED', retryable: false })
    await expect(room.track({ deep: deep(80) }, signal)).rejects.toMatchObject({
      code: 'REALTIME_PAYLOAD_INVALID',
      retryable: false,
      message: expect.stringContaining('[supabase]'),
    })
    await room.track({ n: 1 }, signal)
  })

  it('for now says when it may be taken', async () => {
    await (await join('ana', { limits: { presencePerRoom: 1 } })).track({}, signal)
    await expect((await join('bo')).track({}, signal)).rejects.toMatchObject({
      code: 'REALTIME_RATE_LIMITED',
      retryable: true,
      retryAfterMs: 1000,
    })
  })
})

describe('what Supabase answers', () => {
  const sent = { type: 'broadcast', event: 'said', payload: {} } as const
  /** As the SDK does it: it asks with what it is to send, and says no more than that there was an error. */
  const channelOf = (answer: string, response?: unknown): RealtimeChannel => {
    const channelAdapter = { push: (..._asked: unknown[]) => ({ receivedResp: { status: answer, response } }) }
    const send = async (what: object): Promise<string> => {
      channelAdapter.push('broadcast', what, 10_000)
      return answer
    }
    return { channelAdapter, send } as never
  }

  it('of what is too large is for good', async () => {
    await expect(createSender(channelOf('error', 'payload_size_exceeded'), core).send(sent)).rejects.toMatchObject({
      code: 'REALTIME_PAYLOAD_TOO_LARGE',
      retryable: false,
    })
  })

  it.each<[string, RealtimeChannel]>([
    ['in words that are not known', channelOf('error', { reason: 'Something else' })],
    ['by nothing in time', channelOf('timed out')],
    ['over an SDK that lets nobody look', { send: async () => 'error' } as never],
  ])('%s may be taken later', async (_how, channel) => {
    await expect(createSender(channel, core).send(sent)).rejects.toMatchObject({ driver: 'supabase', retryable: true })
  })

  it('is nothing where it was taken', async () => {
    await expect(createSender(channelOf('ok'), core).send(sent)).resolves.toBeUndefined()
  })
})
