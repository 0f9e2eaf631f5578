import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { RealtimeDriver, Subscription } from '../driver.ts'
import { embedded } from '../drivers/embedded.ts'
import { memory } from '../drivers/memory.ts'
import { PollSocket } from '../fallback/poll-socket.ts'
import { SseSocket } from '../fallback/sse-socket.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const drivers: RealtimeDriver[] = []
let server: StandaloneServer
beforeEach(async () => {
  server = await startRealtimeServer({ jwtSecret, authorize: () => true })
})
afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.close()))
  await server.close()
})

describe.each([
  ['WebSockets', WebSocket as never],
  ['server-sent events', SseSocket],
  ['polling', PollSocket],
  ['no network', undefined],
])('bytes over %s', (_name, Way) => {
  const join = async (sub: string, onMessage: (event: string, payload: unknown) => void): Promise<Subscription> => {
    const token = await signTestToken(jwtSecret, { sub })
    const driver = Way ? embedded({ url: `${server.url}/realtime/v1`, WebSocket: Way }) : memory({ server })
    drivers.push(driver)
    const handlers = { onMessage, onPresence() {}, onDown() {} }
    return driver.subscribe('room', { private: false, token, self: false }, handlers, AbortSignal.timeout(5000))
  }

  it('come as they were sent, and nothing overtakes anything', async () => {
    const heard: unknown[] = []
    await join('b', (event, payload) => heard.push([event, (payload as { n?: number }).n ?? payload]))
    const sender = await join('a', () => undefined)
    const signal = AbortSignal.timeout(8000)
    const bytes = new Uint8Array([0, 1, 2, 128, 255])
    // All at once, so that what is behind the first bytes has to wait for the code that writes and reads them.
    await Promise.all([
      sender.send('text', { n: 1 }, signal),
      sender.send('bytes', bytes as never, signal),
      sender.send('text', { n: 2 }, signal),
      sender.send('bytes', new Uint8Array() as never, signal),
      sender.send('text', { n: 3 }, signal),
    ])
    await expect
      .poll(() => heard)
      .toEqual([
        ['text', 1],
        ['bytes', bytes],
        ['text', 2],
        ['bytes', new Uint8Array()],
        ['text', 3],
      ])
  })

  it('that can not be written are refused, and cost nothing else', async () => {
    const heard: unknown[] = []
    await join('b', (event) => heard.push(event))
    const sender = await join('a', () => undefined)
    const signal = AbortSignal.timeout(8000)
    const results = await Promise.allSettled([
      sender.send('e'.repeat(300), new Uint8Array([1]) as never, signal),
      sender.send('after', {}, signal),
    ])
    expect(results[1]?.status).toBe('fulfilled')
    expect(results[0]).toMatchObject({ status: 'rejected' })
    await expect.poll(() => heard).toEqual(['after'])
  })
})
