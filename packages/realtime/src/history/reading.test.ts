import { afterEach, beforeEach, expect, it } from 'vitest'
import { z } from 'zod'
import { deferred, type Deferred } from '../base/promises.ts'
import { createRealtime, type ChannelOptions, type Realtime } from '../create-realtime.ts'
import { memory } from '../drivers/memory.ts'
import { createRealtimeServer, type RealtimeServer } from '../server/index.ts'
import { createFakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let server: RealtimeServer
let client: Realtime
/** By number: a message is read for as long as its gate is shut. */
let gates: Deferred<boolean>[]
beforeEach(() => {
  gates = Array.from({ length: 6 }, () => deferred<boolean>())
  server = createRealtimeServer({ jwtSecret, authorize: () => true, history: [{ topics: 'kept' }] })
  client = createRealtime({
    driver: memory({ server }),
    getToken: () => signTestToken(jwtSecret, { sub: 'a' }),
    onError: () => undefined,
  })
})
afterEach(async () => {
  await client.close()
  await server.close()
})

const say = async (...numbers: number[]): Promise<void> => {
  for (const n of numbers) await server.publish({ topic: 'kept', event: 'note', payload: { n }, private: false })
}
function listen(options: ChannelOptions) {
  const events = { note: z.object({ n: z.number() }).refine(({ n }) => gates[n]?.promise) }
  const channel = client.channel('kept', { ...options, events })
  const heard: number[] = []
  channel.on('note', ({ n }) => heard.push(n))
  return { channel, heard }
}

it.each([['a history', { history: true }] as const, ['a beginning', { rewind: 5 }] as const])(
  'what is being read as a subscriber leaves comes to whoever goes on from its position, once, with %s',
  async (_what, options) => {
    const first = listen(options)
    await first.channel.ready
    gates[1]?.resolve(true)
    await say(1)
    await expect.poll(() => first.heard).toEqual([1])
    await say(2, 3)
    // Both have arrived, and are being read.
    const witness = client.channel('kept', { history: true })
    await expect.poll(() => witness.position !== undefined).toBe(true)
    const { position } = first.channel
    first.channel.leave()
    const second = listen({ from: position })
    for (const gate of gates) gate.resolve(true)
    await expect.poll(() => second.heard).toEqual([2, 3])
    await say(4)
    await expect.poll(() => second.heard).toEqual([2, 3, 4])
    await expect.poll(() => second.channel.position).toBe(witness.position)
    expect(first.heard).toEqual([1])
  },
)

it('what is not valid is passed, and read no second time', async () => {
  const first = listen({ history: true })
  await first.channel.ready
  gates[1]?.resolve(false)
  gates[2]?.resolve(true)
  await say(1, 2)
  await expect.poll(() => first.heard).toEqual([2])
  const witness = client.channel('kept', { history: true })
  await expect.poll(() => witness.position).toBeTypeOf('string')
  await expect.poll(() => first.channel.position).toBe(witness.position)
})

it('amounts that are none are said to be, and ask the server nothing', async () => {
  const errors: unknown[] = []
  await say(1)
  for (const rewind of [-1, 1.5, Infinity, { messages: 0 }, { ms: -5 }, { ms: Infinity }, { messages: 1.5 }]) {
    const channel = client.channel('kept', { rewind })
    channel.onError((error) => errors.push(error))
    channel.on('*', () => errors.push('heard'))
    await channel.ready
    await expect
      .poll(() => errors)
      .toMatchObject([{ code: 'OPTION_INVALID', message: expect.stringContaining('rewind') }])
    errors.length = 0
    for (const wish of [{ limit: 0 }, { limit: 1.5 }, { ms: -1 }, { ms: NaN }, { limit: 'all' }, { id: 7 }]) {
      await expect(channel.history(wish as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    }
    expect((await channel.history({ limit: 5 })).messages).toHaveLength(1)
    channel.leave()
  }
})

it.each([['with schemas', true] as const, ['without', false] as const])(
  'a position that is asked for in a handler is behind what it was told, %s',
  async (_what, isTyped) => {
    for (const gate of gates) gate.resolve(true)
    const typed = { history: true, events: { note: z.object({ n: z.number() }) } }
    const channel = client.channel('kept', isTyped ? (typed as ChannelOptions) : { history: true })
    const heard: unknown[] = []
    let at: string | undefined
    const hear = (what: unknown): void => {
      heard.push(what)
      at = channel.position
    }
    channel.on('note', ({ n }) => hear(n))
    channel.onAction(({ action }) => hear(action))
    await channel.ready
    await say(1, 2)
    await expect.poll(() => heard).toEqual([1, 2])
    const [message] = (await channel.history()).messages
    await server.act({
      topic: 'kept',
      private: false,
      id: message?.meta.id ?? '',
      action: 'react',
      name: 'up',
      by: 'b',
    })
    await expect.poll(() => heard).toEqual([1, 2, 'react'])
    channel.leave()
    const next = client.channel('kept', { from: at })
    next.on('note', ({ n }) => heard.push(n))
    next.onAction(({ action }) => heard.push(`${action} again`))
    await say(3)
    await expect.poll(() => heard).toEqual([1, 2, 'react', 3])
  },
)

it('a time need be no whole number of milliseconds', async () => {
  await say(1, 2)
  for (const gate of gates) gate.resolve(true)
  const { channel, heard } = listen({ rewind: { messages: 5, ms: 60_000.5 } })
  await expect.poll(() => heard).toEqual([1, 2])
  expect((await channel.history({ ms: 60_000.5 })).messages).toHaveLength(2)
})

it('a position is behind what the beginning had before the topic heard of it', async () => {
  const at = (n: number): string => `00000000-0000-0000-0000-000000000000:${n}:${n}:`
  const row = (n: number) => ({ n, _msc: { id: `f${n}`, cursor: `${at(n)}+${n}.${n}` } })
  const events = [1, 2].map((n) => ({ event: 'INSERT', payload: row(n) }))
  const pages = [
    { events: [], cursor: at(1) },
    { events, cursor: at(3) },
  ]
  const fake = createFakeRealtime()
  fake.override.since = () => ({ cursor: '', events: [], ...pages.shift(), gap: false, more: false })
  const other = createRealtime({ driver: fake.driver })
  const channel = other.channel('feed:items:a', { private: true, rewind: 5 })
  const heard: unknown[] = []
  channel.on('INSERT', ({ n }) => heard.push(n))
  await expect.poll(() => heard).toEqual([1, 2])
  await Promise.resolve()
  expect(channel.position).toBe(row(2)._msc.cursor)
  fake.push('feed:items:a', 'INSERT', row(1))
  expect(channel.position).toBe(row(2)._msc.cursor)
  fake.push('feed:items:a', 'INSERT', row(2))
  fake.push('feed:items:a', 'INSERT', row(3))
  expect(channel.position).toBe(row(3)._msc.cursor)
  expect(heard).toEqual([1, 2, 3])
  await other.close()
})
