import { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { MessageAction, MessageMeta } from '../../base/message.ts'
import { createRealtime, type Channel, type Realtime } from '../../create-realtime.ts'
import { embedded } from '../../drivers/embedded.ts'
import { memory } from '../../drivers/memory.ts'
import { feedSource } from '../../feed/source.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const USERS = ['ana', 'bo', 'cy']

/** A message as somebody has it. */
interface Shown {
  payload: unknown
  version: string
  readonly reactions: Map<string, Set<string>>
}
type Screen = Map<string, Shown>

/** What an application would do with what it hears, and with what it reads. */
function show(screen: Screen, payload: unknown, meta: MessageMeta): void {
  const reactions = new Map(Object.entries(meta.reactions ?? {}).map(([name, { by }]) => [name, new Set(by)]))
  screen.set(meta.id, { payload, version: meta.version ?? '', reactions })
}
function change(screen: Screen, { id, action, payload, name = '', by = '', version }: MessageAction): void {
  const message = screen.get(id)
  if (!message) return
  if (action === 'delete') screen.delete(id)
  else if (action === 'update') {
    if (version > message.version) Object.assign(message, { payload, version })
  } else if (action === 'react') message.reactions.set(name, (message.reactions.get(name) ?? new Set()).add(by))
  else message.reactions.get(name)?.delete(by)
}
/** To be compared: versions are the server's own. */
const plain = (screen: Screen): unknown[] =>
  [...screen]
    .map(([id, { payload, reactions }]) => ({
      id,
      payload,
      reactions: [...reactions]
        .flatMap(([name, by]) => (by.size > 0 ? [`${name}: ${[...by].toSorted()}`] : []))
        .toSorted(),
    }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))

interface Reader {
  readonly client: Realtime
  readonly channel: Channel
  readonly proxy: ChaosProxy
  readonly screen: Screen
  readonly heard: string[]
  gaps: number
}

const user = fc.nat(USERS.length - 1)
/** Mostly the latest ones, so that much is done to each. */
const nth = fc.oneof({ weight: 4, arbitrary: fc.nat(1) }, { weight: 1, arbitrary: fc.nat(9) })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('say' as const), user }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('update' as const), user, nth }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('delete' as const), user, nth }) },
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constantFrom('react' as const, 'unreact' as const),
      user,
      nth,
      name: fc.constantFrom('x', 'y'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('break' as const, 'mend' as const), reader: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('join' as const) }) },
)

const stores = [
  ['memory', undefined] as const,
  ...databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const),
]

describe.each(stores)('readers of messages that are kept in %s', (_name, open) => {
  let db: TestDatabase | undefined
  let server: StandaloneServer
  const clients: Realtime[] = []
  const proxies: ChaosProxy[] = []
  beforeAll(async () => {
    db = await open?.()
    server = await startRealtimeServer({
      jwtSecret: secret,
      authorize: () => true,
      ...(db && { feeds: feedSource({ client: db.client }) }),
      history: [{ topics: 'room:*', messages: 1000, actions: 'author' }],
      limits: { perAddress: false, perAccount: false, framesPerSecond: 10_000 },
    })
    await server.ready
  }, 60_000)
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    for (const proxy of proxies.splice(0)) await proxy.close()
  })
  afterAll(async () => {
    await server.close()
    await db?.close()
  })

  const connect = (sub: string, proxy?: ChaosProxy): Realtime => {
    const url = `http://127.0.0.1:${proxy?.port}/realtime/v1`
    const client = createRealtime({
      driver: proxy ? embedded({ url, WebSocket: WebSocket as never }) : memory({ server }),
      getToken: () => signTestToken(secret, { sub }),
      random: () => 0,
    })
    clients.push(client)
    return client
  }
  const read = async (topic: string, rewind?: number): Promise<Reader> => {
    const proxy = await startChaosProxy(server.port)
    proxies.push(proxy)
    const client = connect('reader', proxy)
    const channel = client.channel(topic, { history: true, ...(rewind !== undefined && { rewind }) }) as Channel
    const reader: Reader = { client, channel, proxy, screen: new Map(), heard: [], gaps: 0 }
    channel.on('*', (payload, _event, meta) => {
      reader.heard.push(String(meta?.id))
      if (meta) show(reader.screen, payload, meta)
    })
    channel.onAction((action) => {
      reader.heard.push(`${action.id} ${action.action} ${action.version}`)
      change(reader.screen, action)
    })
    channel.onGap(() => (reader.gaps += 1))
    await channel.ready
    return reader
  }

  let runs = 0
  it('all end with the same as a model, whenever they came and were away, and hear each thing once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 80 }), async (steps) => {
        const topic = `room:${(runs += 1)}`
        const readers = [await read(topic), await read(topic)]
        const writers = USERS.map((sub) => connect(sub).channel(topic) as Channel)
        const model: Screen = new Map()
        const authors = new Map<string, number>()
        const ids: string[] = []
        let count = 0
        for (const each of steps) {
          if ('reader' in each) {
            const proxy = readers[each.reader]?.proxy
            proxy?.refuse(each.what === 'break')
            if (each.what === 'break') proxy?.kill()
          } else if (each.what === 'join') {
            if (readers.length < 4) readers.push(await read(topic, 1000))
          } else {
            const writer = writers[each.user] as Channel
            const by = USERS[each.user] as string
            count += 1
            if (each.what === 'say') {
              const id = String((await writer.broadcast('note', { n: count })).id)
              ids.push(id)
              authors.set(id, each.user)
              show(model, { n: count }, { id, at: '' })
              continue
            }
            const id = ids.at(-1 - each.nth)
            if (id === undefined) continue
            const isOwn = authors.get(id) === each.user
            const done =
              each.what === 'update'
                ? writer.update(id, { n: count })
                : each.what === 'delete'
                  ? writer.remove(id)
                  : writer[each.what](id, each.name)
            const code = await done.then(
              () => undefined,
              (error: { code: unknown }) => error.code,
            )
            const isReaction = each.what === 'react' || each.what === 'unreact'
            expect(code).toBe(
              !model.has(id) ? 'REALTIME_MESSAGE_UNKNOWN' : isOwn || isReaction ? undefined : 'REALTIME_REFUSED',
            )
            if (code !== undefined) continue
            const version = String(count).padStart(9, '0')
            change(model, {
              id,
              action: each.what,
              payload: { n: count },
              ...(isReaction && { name: each.name }),
              by,
              at: '',
              version,
              position: '',
            })
          }
        }
        for (const { proxy } of readers) proxy.refuse(false)
        readers.push(await read(topic, 1000))
        const end = plain(model)
        for (const { screen, heard, gaps, channel } of readers) {
          await expect.poll(() => plain(screen), { timeout: 15_000 }).toEqual(end)
          expect(heard).toHaveLength(new Set(heard).size)
          expect(gaps).toBe(0)
          const told: Screen = new Map()
          for (const { payload, deleted, meta } of (await channel.history({ limit: 1000 })).messages) {
            if (!deleted) show(told, payload, meta)
          }
          expect(plain(told)).toEqual(end)
        }
        await Promise.all(clients.splice(0).map((client) => client.close()))
        for (const proxy of proxies.splice(0)) await proxy.close()
      }),
      { numRuns: 10, endOnFailure: true },
    )
  }, 120_000)
})
