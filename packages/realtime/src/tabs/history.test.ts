import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MessageMeta } from '../base/message.ts'
import { createRealtime, type Channel, type Realtime } from '../create-realtime.ts'
import type { RealtimeDriver, Subscription } from '../driver.ts'
import { memory } from '../drivers/memory.ts'
import { createRealtimeServer, type RealtimeServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createFakeBrowser } from './fake-browser.ts'
import { shareTabs } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let server: RealtimeServer
let browser: ReturnType<typeof createFakeBrowser>
const clients: Realtime[] = []
beforeEach(() => {
  browser = createFakeBrowser()
  server = createRealtimeServer({ jwtSecret, authorize: () => true, history: [{ topics: '*' }] })
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await server.close()
})

async function open(tab: string, driver: RealtimeDriver = memory({ server })): Promise<Realtime> {
  const token = await signTestToken(jwtSecret, { sub: 'ana' })
  const shared = shareTabs({ ...driver, backend: 'x' }, { ...browser.tab(tab), page: new EventTarget() })
  const client = createRealtime({ driver: shared, getToken: () => token })
  clients.push(client)
  return client
}
async function join(client: Realtime, options: object): Promise<Channel> {
  const channel = client.channel('room', options)
  await channel.ready
  return channel
}

it('says of another tab’s message when the server took it, who wrote it and where it is', async () => {
  const [first, second] = [
    await join(await open('1'), { history: true }),
    await join(await open('2'), { history: true }),
  ]
  const metas: (MessageMeta | undefined)[] = []
  for (const channel of [first, second]) channel.on('note', (_payload, _event, meta) => metas.push(meta))
  await first.broadcast('note', { n: 1 })
  await expect.poll(() => metas.length).toBe(1)
  await second.broadcast('note', { n: 2 })
  await expect.poll(() => metas.length).toBe(2)
  const kept = (await first.history()).messages.map(({ meta }) => meta)
  expect(kept.map(({ position }) => position)).toEqual([expect.any(String), expect.any(String)])
  expect(metas).toEqual(kept)
  expect(kept.map(({ by }) => by)).toEqual(['ana', 'ana'])
})

it.each(['before', 'after'])(
  'tells a tab that rewinds nothing twice of what another sends, which it hears %s it has read the beginning',
  async (order) => {
    let hold: Promise<void> | undefined
    const driver = memory({ server })
    const slow: RealtimeDriver = {
      ...driver,
      async subscribe(...wanted) {
        const live: Subscription = await driver.subscribe(...wanted)
        return {
          ...live,
          // Taken by the server, and told to the other tabs only when the answer is there.
          async send(event, payload, signal) {
            const answer = await live.send(event, payload, signal)
            await hold
            return answer
          },
        }
      },
    }
    const sender = await join(await open('1', slow), { history: true })
    const two = await open('2')
    const early = await join(two, { history: true })
    let goOn = (): void => {}
    hold = new Promise((resolve) => (goOn = resolve))
    const sent = sender.broadcast('note', { n: 1 })
    await expect.poll(async () => (await early.history()).messages.length).toBe(1)
    const heard: unknown[] = []
    const late = two.channel('room', { rewind: 10 })
    late.on('note', ({ n }) => heard.push(n))
    if (order === 'after') await expect.poll(() => heard).toEqual([1])
    goOn()
    await sent
    await sender.broadcast('note', { n: 2 })
    await expect.poll(() => heard.at(-1)).toBe(2)
    expect(heard).toEqual([1, 2])
  },
)
