import type { StandardSchema } from '@msc/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { memory } from '../drivers/memory.ts'
import { createRealtimeServer, type RealtimeServer } from '../server/index.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const clients: Realtime[] = []
let heard: unknown[]
let goOn: () => void
/** Reads a payload when the test says so. */
const slow: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    async validate(value) {
      await new Promise<void>((resolve) => (goOn = resolve))
      return { value }
    },
  },
}
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30))

beforeEach(() => {
  heard = []
  goOn = () => {}
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})
const open = (from: FakeRealtime | RealtimeServer): Realtime => {
  const client =
    'driver' in from
      ? createRealtime({ driver: from.driver })
      : createRealtime({
          driver: memory({ server: from }),
          getToken: () => signTestToken(jwtSecret, { sub: 'a' }),
        })
  clients.push(client)
  return client
}

it('tells a channel that has left nothing of a beginning that is still on its way', async () => {
  const fake = createFakeRealtime()
  let answer = (): void => {}
  fake.override.since = async (_topic, after) => {
    if (after !== undefined || answers++ > 0) await new Promise<void>((resolve) => (answer = resolve))
    return { events: [{ event: 'note', payload: { n: 1 } }], cursor: 'x', gap: true, more: false }
  }
  let answers = 0
  const client = open(fake)
  // Another one stays, so that the topic is not left.
  client.channel('room', { history: true })
  const room = client.channel('room', { rewind: 5 })
  for (const tell of [room.onGap, room.onAction]) tell(() => heard.push('told'))
  room.on('*', () => heard.push('message'))
  await room.ready
  await expect.poll(() => answers).toBe(2)
  room.leave()
  answer()
  await settle()
  expect(heard).toEqual([])
})

it('tells a channel that has left no message whose schema was still reading it', async () => {
  const fake = createFakeRealtime()
  const client = open(fake)
  client.channel('room')
  const room = client.channel('room', { events: { note: slow } })
  room.on('note', () => heard.push('message'))
  await room.ready
  fake.push('room', 'note', { n: 1 })
  await settle()
  room.leave()
  goOn()
  await settle()
  expect(heard).toEqual([])
})

it('calls no other handler of a channel that one of them has left', async () => {
  const fake = createFakeRealtime()
  const room = open(fake).channel('room')
  room.on('note', () => room.leave())
  room.on('note', () => heard.push('second'))
  await room.ready
  fake.push('room', 'note', {})
  expect(heard).toEqual([])
})

it('tells a channel that has left nothing of an action whose schema was still reading it', async () => {
  const server = createRealtimeServer({
    jwtSecret,
    authorize: () => true,
    history: [{ topics: '*', actions: 'author' }],
  })
  const client = open(server)
  await client.channel('room', { history: true }).ready
  const room = client.channel('room', { history: true, events: { note: slow } })
  room.onAction(() => heard.push('action'))
  await room.ready
  await server.publish({ topic: 'room', event: 'note', payload: { n: 1 }, private: false })
  await settle()
  goOn()
  const { messages } = await server.history('room')
  await server.act({ topic: 'room', private: false, id: messages[0]?.meta.id as string, action: 'update', payload: {} })
  await settle()
  room.leave()
  goOn()
  await settle()
  expect(heard).toEqual([])
  await server.close()
})

it('tells no change of a feed that was ended while those that waited for its snapshot are told', async () => {
  const fake = createFakeRealtime()
  fake.override.since = () => ({ events: [], cursor: 'x', gap: false, more: false })
  let load = (): void => {}
  const end = open(fake).feed<{ n: number }>('items', 'a', {
    snapshot: () => new Promise((resolve) => (load = () => resolve([]))),
    onChange({ data }) {
      heard.push(data.n)
      end()
    },
  })
  await expect.poll(() => fake.topics).toEqual(['feed:items:a'])
  await settle()
  for (const n of [1, 2]) fake.push('feed:items:a', 'INSERT', { record: { n } })
  load()
  await settle()
  expect(heard).toEqual([1])
})
