import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createRealtime, type Channel, type Realtime } from '../create-realtime.ts'
import type { RealtimeDriver, Subscription } from '../driver.ts'
import { embedded } from '../drivers/embedded.ts'
import { memory } from '../drivers/memory.ts'
import { PollSocket } from '../fallback/poll-socket.ts'
import { SseSocket } from '../fallback/sse-socket.ts'
import { createRealtimeServer, type RealtimeServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createFakeBrowser } from './fake-browser.ts'
import { shareTabs } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let server: RealtimeServer
let http: Server
let proxy: ChaosProxy
let browser: ReturnType<typeof createFakeBrowser>
let token: string
const clients: Realtime[] = []
beforeEach(async () => {
  browser = createFakeBrowser()
  token = await signTestToken(jwtSecret, { sub: 'ana' })
  server = createRealtimeServer({
    jwtSecret,
    authorize: () => true,
    history: [{ topics: 'room' }],
    limits: { perAccount: false, perAddress: false },
  })
  http = createServer((request, response) => void server.handleIncoming(request, response))
  http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  proxy = await startChaosProxy((http.address() as AddressInfo).port)
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await server.close()
  await proxy.close()
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})

function connect(driver: RealtimeDriver): Realtime {
  const client = createRealtime({ driver, getToken: () => token, onError: () => undefined, random: () => 0 })
  clients.push(client)
  return client
}
const tab = (name: string, driver: RealtimeDriver = memory({ server }), page = new EventTarget()): Realtime =>
  connect(shareTabs({ ...driver, backend: 'x' }, { ...browser.tab(name), page }))
/** With what it hears from now on, and whether it is told that something is missing. */
async function listen(
  client: Realtime,
  topic: string,
  options: object,
): Promise<{ channel: Channel; heard: unknown[] }> {
  const channel = client.channel(topic, options)
  const heard: unknown[] = []
  channel.on('note', (payload) => heard.push('n' in Object(payload) ? payload['n'] : payload))
  channel.onGap(() => heard.push('gap'))
  await channel.ready
  return { channel, heard }
}

it.each([
  ['server-sent events', 'room', SseSocket],
  ['polling', 'room', PollSocket],
  ['polling', 'not kept', PollSocket],
] as const)(
  'tabs that share %s hear each other in the order of the server, in the topic “%s”',
  async (_way, topic, Way) => {
    const url = `http://127.0.0.1:${proxy.port}/realtime/v1`
    const driver = (): RealtimeDriver => embedded({ url, WebSocket: Way as never })
    const options = { history: topic === 'room' }
    const stranger = await listen(connect(memory({ server })), topic, {})
    const witness = await listen(connect(memory({ server })), topic, {})
    const first = await listen(tab('1', driver()), topic, options)
    const second = await listen(tab('2', driver()), topic, options)
    const third = await listen(tab('3', driver()), topic, options)
    proxy.delay(20)
    // Whatever the stranger and the second tab say: who sends does not hear it.
    const said: Promise<unknown>[] = []
    for (let n = 0; n < 12; n++) {
      said.push(second.channel.broadcast('note', { n: `tab ${n}` }))
      await new Promise((resolve) => setTimeout(resolve, 5))
      await stranger.channel.broadcast('note', { n: `stranger ${n}` })
    }
    await Promise.all(said)
    await expect.poll(() => [first.heard.length, third.heard.length], { timeout: 10_000 }).toEqual([24, 24])
    expect(third.heard).toEqual(witness.heard)
    expect(first.heard).toEqual(witness.heard)
    expect(second.heard).toEqual(witness.heard.filter((each) => String(each).startsWith('stranger')))
  },
  30_000,
)

it('a position is past what another tab has sent, and past one’s own', async () => {
  const [one, two] = [await listen(tab('1'), 'room', { history: true }), tab('2')]
  const room = await listen(two, 'room', { history: true })
  const stays = two.channel('room', { history: true })
  await one.channel.broadcast('note', { n: 'of another tab' })
  await expect.poll(() => room.heard).toEqual(['of another tab'])
  const { position } = room.channel
  const own = await room.channel.broadcast('note', { n: 'own' })
  await expect.poll(() => stays.position).not.toBe(position)
  const { messages } = await room.channel.history()
  room.channel.leave()
  const next = await listen(two, 'room', { from: stays.position })
  await one.channel.broadcast('note', { n: 'later' })
  await expect.poll(() => next.heard).toEqual(['later'])
  expect(messages.at(-1)?.meta.id).toBe(own.id)
})

it('nobody hears their own where they go on from before it, however soon', async () => {
  const client = connect(memory({ server }))
  const room = await listen(client, 'room', { history: true })
  const { position } = room.channel
  await room.channel.broadcast('note', { n: 'own' })
  await room.channel.broadcast('note', 'a text')
  room.channel.leave()
  const next = await listen(client, 'room', { from: position })
  const other = await listen(connect(memory({ server })), 'room', { from: position })
  await other.channel.broadcast('note', { n: 'later' })
  await expect.poll(() => next.heard).toEqual(['later'])
  // Who is another client hears them, also of the same account.
  expect(other.heard).toEqual(['own', 'a text'])
  // The latest messages are everybody's.
  const latest = await listen(client, 'room', { rewind: 10 })
  await expect.poll(() => latest.heard).toEqual(['own', 'a text', 'later'])
})

it.each([
  ['a text', 'hello'],
  ['a list', [1, 2]],
  ['an object', { x: 1 }],
])('%s of another tab is told once where this one catches up meanwhile', async (_kind, payload) => {
  let late: Promise<void> | undefined
  let asked = (): void => {}
  const driver = memory({ server })
  const slow: RealtimeDriver = {
    ...driver,
    async subscribe(...wanted) {
      const live: Subscription = await driver.subscribe(...wanted)
      return {
        ...live,
        async since(after, ...rest) {
          if (after !== undefined) {
            asked()
            await late
          }
          return live.since?.(after, ...rest)
        },
        // A server that does not echo.
        send: (event, content, signal) => live.send(event, content, signal),
      }
    },
  }
  await listen(tab('1', slow), 'room', { history: true })
  const second = await listen(tab('2', slow), 'room', { history: true })
  const page = new EventTarget()
  const third = await listen(tab('3', slow, page), 'room', { history: true })
  page.dispatchEvent(new Event('pagehide'))
  let answer = (): void => {}
  late = new Promise((resolve) => (answer = resolve))
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  page.dispatchEvent(new Event('pageshow'))
  await isAsked
  await second.channel.broadcast('note', payload)
  answer()
  await second.channel.broadcast('note', 'the last')
  await expect.poll(() => third.heard).toEqual([payload, 'the last'])
})

it('what a tab sends is answered while another has the topic joined anew, with presence', async () => {
  const url = `http://127.0.0.1:${proxy.port}/realtime/v1`
  const [one, two] = [tab('1', embedded({ url })), tab('2', embedded({ url }))]
  const sender = await listen(one, 'not kept', {})
  const witness = await listen(connect(memory({ server })), 'not kept', {})
  proxy.delay(20)
  const sent = Array.from({ length: 5 }, (_, n) => sender.channel.broadcast('note', { n }))
  const present = two.channel('not kept', { presenceKey: 'ana' })
  await present.ready
  expect(await Promise.all(sent)).toEqual(sent.map(() => ({ state: 'sent' })))
  expect(witness.heard).toEqual([0, 1, 2, 3, 4])
})

it('a tab that opens its channel anew hears nothing of what it has sent before', async () => {
  const url = `http://127.0.0.1:${proxy.port}/realtime/v1`
  const [one, two] = [tab('1', embedded({ url })), tab('2', embedded({ url }))]
  const sender = await listen(one, 'not kept', {})
  const other = await listen(two, 'not kept', {})
  proxy.delay(20)
  const sent = sender.channel.broadcast('note', { n: 'mine' }).catch(() => undefined)
  // It is on its way.
  await new Promise((resolve) => setTimeout(resolve, 5))
  sender.channel.leave()
  const again = await listen(one, 'not kept', {})
  await sent
  await other.channel.broadcast('note', { n: 'later' })
  await expect.poll(() => again.heard.filter((each) => each !== 'gap')).toEqual(['later'])
  expect(other.heard).toEqual(['mine'])
})
