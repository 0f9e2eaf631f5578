import { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { deferred } from '../../base/promises.ts'
import type { OutboxStore } from '../../outbox/kept.ts'
import { createRealtime, type Channel, type ChannelOptions, type Realtime } from '../../create-realtime.ts'
import { embedded } from '../../drivers/embedded.ts'
import { memory } from '../../drivers/memory.ts'
import { SseSocket } from '../../fallback/sse-socket.ts'
import { feedSource } from '../../feed/source.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'

/** As a browser's. */
function storeOf(user: string): OutboxStore {
  const items = browsers.get(user) ?? new Map<string, string>()
  browsers.set(user, items)
  return {
    get length() {
      return items.size
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
}
const browsers = new Map<string, Map<string, string>>()
const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const upTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, n) => n + from)

interface Heard {
  readonly client: Realtime
  readonly channel: Channel
  readonly numbers: number[]
  gaps: number
}

const stores = [
  ['memory', undefined] as const,
  ...databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const),
]

describe.each(stores)('a channel that is kept in %s', (_name, open) => {
  let db: TestDatabase | undefined
  let server: StandaloneServer
  let proxy: ChaosProxy
  const clients: Realtime[] = []
  const start = async (port?: number): Promise<StandaloneServer> => {
    const started = await startRealtimeServer({
      jwtSecret: secret,
      authorize: () => true,
      ...(db && { feeds: feedSource({ client: db.client }) }),
      ...(port !== undefined && { port }),
      history: [{ topics: 'room:*', messages: 500 }],
      limits: { perAddress: false, perAccount: false },
    })
    await started.ready
    return started
  }
  beforeAll(async () => {
    db = await open?.()
  })
  afterAll(() => db?.close())
  beforeEach(async () => {
    server = await start()
    proxy = await startChaosProxy(server.port)
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    await proxy.close()
    await server.close()
    await db?.exec('delete from msc_feed.events')
  })

  const connect = (user: string, way: 'ws' | 'sse' | 'memory' = 'ws'): Realtime => {
    const client = createRealtime({
      driver:
        way === 'memory'
          ? memory({ server })
          : embedded({
              url: `http://127.0.0.1:${proxy.port}/realtime/v1`,
              WebSocket: way === 'ws' ? (WebSocket as never) : SseSocket,
            }),
      getToken: () => signTestToken(secret, { sub: user }),
      random: () => 0,
      outbox: storeOf(user),
    })
    clients.push(client)
    return client
  }
  const listen = async (
    options: ChannelOptions = { history: true },
    client: Realtime = connect('a'),
    topic = 'room:1',
  ): Promise<Heard> => {
    const channel = client.channel(topic, options) as Channel
    const heard: Heard = { client, channel, numbers: [], gaps: 0 }
    channel.on('*', (payload) => heard.numbers.push((payload as unknown as { n: number } | null)?.n ?? 0))
    channel.onGap(() => (heard.gaps += 1))
    await channel.ready
    return heard
  }
  const say = async (...numbers: number[]): Promise<void> => {
    for (const n of numbers) {
      await server.publish({ topic: 'room:1', event: 'note', payload: { n }, private: false })
    }
  }
  const blip = async ({ client }: Heard, meanwhile: () => Promise<unknown>): Promise<void> => {
    proxy.refuse(true)
    proxy.kill()
    await expect.poll(() => client.status).toBe('reconnecting')
    await meanwhile()
    proxy.refuse(false)
    await expect.poll(() => client.status, { timeout: 10_000 }).toBe('connected')
  }

  it('brings what was missed while the connection was lost, once and in order, and tells no gap', async () => {
    const heard = await listen()
    await say(1, 2)
    await expect.poll(() => heard.numbers).toEqual([1, 2])
    await blip(heard, () => say(...upTo(9, 3)))
    await say(10)
    await expect.poll(() => heard.numbers.at(-1)).toBe(10)
    expect(heard).toMatchObject({ numbers: upTo(10), gaps: 0 })
  })

  it.each(['ws', 'sse', 'memory'] as const)('rewinds over %s, then goes on live, with none twice', async (way) => {
    await say(...upTo(20))
    const speaking = say(...upTo(60, 21))
    const heard = await listen({ rewind: 5 }, connect('a', way))
    await speaking
    await expect.poll(() => heard.numbers.at(-1)).toBe(60)
    expect(heard.numbers).toEqual(upTo(60, heard.numbers[0]))
    expect(heard.numbers.length).toBeGreaterThanOrEqual(5)
    expect(heard.gaps).toBe(0)
  })

  it('rewinds for a subscriber that comes while another joins, whatever that one waits for', async () => {
    await say(1, 2, 3)
    const token = deferred<string>()
    const client = createRealtime({ driver: memory({ server }), getToken: () => token.promise })
    clients.push(client)
    client.channel('room:1')
    const heard: unknown[] = []
    const second = client.channel('room:1', { rewind: 20 })
    second.on('note', ({ n }) => heard.push(n))
    second.onGap(() => heard.push('gap'))
    token.resolve(await signTestToken(secret, { sub: 'b' }))
    await expect.poll(() => heard).toEqual([1, 2, 3])
    await say(4)
    await expect.poll(() => heard).toEqual([1, 2, 3, 4])
    expect(second.position).toBeTypeOf('string')
  })

  it('rewinds for each subscriber of a topic, however long it has been live', async () => {
    const client = connect('a')
    const first = await listen({}, client)
    await say(1, 2, 3)
    await expect.poll(() => first.numbers).toEqual([1, 2, 3])
    const second = await listen({ rewind: { messages: 2 } }, client)
    await expect.poll(() => second.numbers).toEqual([2, 3])
    await say(4)
    await expect.poll(() => second.numbers).toEqual([2, 3, 4])
    await expect.poll(() => first.numbers).toEqual([1, 2, 3, 4])
  })

  it('goes on from a position that was handed over, of a channel and of a message', async () => {
    const first = await listen()
    const positions: (string | undefined)[] = []
    first.channel.on('note', (_payload, _event, meta) => positions.push(meta?.position))
    await say(1, 2, 3)
    await expect.poll(() => first.numbers).toEqual([1, 2, 3])
    const position = first.channel.position
    first.channel.leave()
    await say(...upTo(700, 4).slice(0, 400))
    const second = await listen({ from: position }, connect('b'))
    await expect.poll(() => second.numbers.length, { timeout: 10_000 }).toBe(400)
    expect(second).toMatchObject({ numbers: upTo(403, 4), gaps: 0 })
    const third = await listen({ from: positions[0] }, connect('c'))
    await expect.poll(() => third.numbers.at(-1), { timeout: 10_000 }).toBe(403)
    expect(third).toMatchObject({ numbers: upTo(403, 2), gaps: 0 })
  }, 30_000)

  it.each(['history', 'rewind', 'from', 'history, typed', 'rewind, typed', 'from, typed'] as const)(
    'whoever leaves in a handler goes on behind its message, with %s',
    async (by) => {
      const start = (await listen()).channel.position
      const heard: unknown[] = []
      const client = connect('b')
      const join = (options: ChannelOptions): Channel => {
        const typed = by.endsWith('typed') && { events: { note: z.looseObject({}) } }
        const channel = client.channel('room:1', { ...options, ...typed }) as Channel
        channel.onGap(() => heard.push('gap'))
        channel.on('note', ({ n }) => {
          if (heard.push(n) % 2 === 0 || heard.length > 5) return
          const { position } = channel
          channel.leave()
          join({ from: position })
        })
        return channel
      }
      if (by.startsWith('history')) {
        await join({ history: true }).ready
        await blip({ client } as Heard, () => say(...upTo(6)))
      } else {
        await say(...upTo(6))
        join(by.startsWith('from') ? { from: start } : { rewind: 6 })
      }
      await expect.poll(() => heard.at(-1)).toBe(6)
      await say(7)
      await expect.poll(() => heard.at(-1)).toBe(7)
      expect(heard).toEqual(upTo(7))
    },
  )

  it('tells a gap of a position that is none, or of another history, and goes on live', async () => {
    await say(1)
    for (const from of ['nonsense', '00000000-0000-4000-8000-000000000000:1:1:']) {
      const heard = await listen({ from }, connect(from.slice(0, 3)))
      await expect.poll(() => heard.gaps).toBe(1)
      await say(2)
      await expect.poll(() => heard.numbers).toEqual([2])
    }
  })

  it('pages backwards through what is kept, with ids, times and positions', async () => {
    await say(...upTo(7))
    const { channel } = await listen()
    const last = await channel.history({ limit: 3 })
    expect(last.messages.map(({ payload }) => payload)).toEqual([{ n: 5 }, { n: 6 }, { n: 7 }])
    expect(last.more).toBe(true)
    const before = await channel.history({ limit: 4, before: last.messages[0]?.meta.id })
    expect(before.messages.map(({ payload }) => payload)).toEqual(upTo(4).map((n) => ({ n })))
    expect(before.more).toBe(false)
    expect(before.messages[0]).toMatchObject({
      event: 'note',
      meta: { id: expect.any(String), at: expect.stringMatching(/^\d{4}-.*Z$/), position: expect.any(String) },
    })
  })

  it('says the id of what is sent, which its sender never hears, not out of the history either', async () => {
    const [ana, bo] = [await listen(), await listen({ history: true }, connect('b'))]
    const ids: unknown[] = []
    bo.channel.on('note', (_payload, _event, meta) => ids.push(meta?.id))
    const said = await ana.channel.broadcast('note', { n: 1 })
    await expect.poll(() => ids).toEqual([said?.id])
    await blip(ana, () => say(2))
    await expect.poll(() => ana.numbers).toEqual([2])
    await expect.poll(() => bo.numbers).toEqual([1, 2])
    expect([ana.gaps, bo.gaps]).toEqual([0, 0])
  })

  it('says it too of a message that the browser keeps until it is sent, and hands that to nobody twice', async () => {
    const [ana, bo] = [await listen(), await listen({ history: true }, connect('b'))]
    const said = await ana.channel.broadcast('note', { n: 1 }, { keep: true })
    expect(said).toEqual({ state: 'sent', id: expect.stringMatching(/^[fm]/) })
    await blip(ana, () => say(2))
    await expect.poll(() => ana.numbers).toEqual([2])
    await expect.poll(() => bo.numbers).toEqual([1, 2])
  })

  it('carries any JSON as it was sent', async () => {
    const [ana, bo] = [await listen(), await listen({ rewind: 10 }, connect('b'))]
    const payloads = ['Å 🎵', '', [1, [null]], 7, true, null, { n: { m: null } }]
    const heard: unknown[] = []
    bo.channel.on('any', (payload) => heard.push(payload))
    for (const payload of payloads) await ana.channel.broadcast('any', payload as never)
    await expect.poll(() => heard).toEqual(payloads)
    const { messages } = await ana.channel.history()
    expect(messages.map(({ payload }) => payload)).toEqual(payloads)
  })

  it('keeps a private topic apart from a public one of its name', async () => {
    const hidden = connect('a').channel('room:1', { private: true, history: true })
    await hidden.ready
    await hidden.broadcast('note', { n: 1 })
    const open = await listen({ rewind: 10 }, connect('b'))
    await say(2)
    await expect.poll(() => open.numbers).toEqual([2])
    expect((await open.channel.history()).messages).toHaveLength(1)
    const { messages } = await hidden.history()
    expect(messages.map(({ payload }) => payload)).toEqual([{ n: 1 }])
  })

  it('keeps what comes by REST too, and nothing of other topics, which have a gap', async () => {
    const token = await signTestToken(secret, { role: 'service_role' })
    const message = (topic: string, n: number) => ({ topic, event: 'note', payload: { n } })
    const response = await fetch(`${server.url}/realtime/v1/api/broadcast`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [message('room:1', 1), message('other', 2), message('room:1', 3)] }),
    })
    expect(response.status).toBe(202)
    const heard = await listen({ rewind: 10 })
    await expect.poll(() => heard.numbers).toEqual([1, 3])
    const other = await listen({ rewind: 10 }, heard.client, 'other')
    expect(await other.channel.history()).toEqual({ messages: [], more: false })
    await blip(other, () => say(4))
    await expect.poll(() => other.gaps).toBe(1)
    await expect.poll(() => heard.numbers).toEqual([1, 3, 4])
    expect(heard.gaps).toBe(0)
  })

  it('can not be made to read again and again by what a stranger sends', async () => {
    const [ana, bo] = [await listen(), await listen({ history: true }, connect('b'))]
    let interruptions = 0
    ana.channel.onReady((ready) => (interruptions += ready ? 0 : 1))
    const lie = { n: 1, _msc: { more: true, cursor: '00000000-0000-4000-8000-000000000000:9:9:', id: 'x' } }
    await bo.channel.broadcast('note', lie)
    await say(2)
    await expect.poll(() => ana.numbers).toEqual([1, 2])
    expect([interruptions, ana.gaps]).toEqual([0, 0])
  })

  if (open) {
    it('outlives its server, and refuses what the database can not keep to whoever sends it', async () => {
      const heard = await listen()
      await say(1)
      await expect.poll(() => heard.numbers).toEqual([1])
      const { port } = server
      await server.close()
      await expect.poll(() => heard.client.status).toBe('reconnecting')
      server = await start(port)
      await say(2)
      await expect.poll(() => heard.numbers, { timeout: 15_000 }).toEqual([1, 2])
      expect(heard.gaps).toBe(0)
      await expect(heard.channel.broadcast('note', { text: 'a\0b' })).rejects.toMatchObject({ retryable: false })
      await expect(heard.channel.broadcast('note', { text: 'ab' })).resolves.toEqual({
        state: 'sent',
        id: expect.any(String),
      })
    }, 30_000)
  } else {
    it('tells a gap when its server was another one', async () => {
      const heard = await listen()
      await say(1)
      const { port } = server
      await server.close()
      await expect.poll(() => heard.client.status).toBe('reconnecting')
      server = await start(port)
      await expect.poll(() => heard.gaps, { timeout: 15_000 }).toBe(1)
      await say(2)
      await expect.poll(() => heard.numbers.at(-1)).toBe(2)
    }, 30_000)
  }
})
