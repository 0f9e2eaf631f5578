import { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { MessageAction } from '../../base/message.ts'
import { createRealtime, type Channel, type ChannelOptions, type Realtime } from '../../create-realtime.ts'
import { embedded } from '../../drivers/embedded.ts'
import { memory } from '../../drivers/memory.ts'
import { PollSocket } from '../../fallback/poll-socket.ts'
import { SseSocket } from '../../fallback/sse-socket.ts'
import { feedSource } from '../../feed/source.ts'
import { openRaw } from '../../testing/raw-socket.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type ActionQuestion, type StandaloneServer } from '../index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const stores = [
  ['memory', undefined] as const,
  ...databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const),
]
const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1)
type Way = 'ws' | 'sse' | 'poll' | 'memory'

interface Heard {
  readonly client: Realtime
  readonly channel: Channel
  readonly messages: (readonly [id: string | undefined, payload: unknown])[]
  readonly actions: MessageAction[]
  gaps: number
}

describe.each(stores)('messages that are kept in %s', (_name, open) => {
  let db: TestDatabase | undefined
  let server: StandaloneServer
  let proxy: ChaosProxy
  const clients: Realtime[] = []
  const asked: ActionQuestion[] = []
  beforeAll(async () => {
    db = await open?.()
  })
  afterAll(() => db?.close())
  beforeEach(async () => {
    server = await startRealtimeServer({
      jwtSecret: secret,
      authorize: ({ claims, action }) => action === 'read' || claims.sub !== 'reader',
      ...(db && { feeds: feedSource({ client: db.client }) }),
      history: [
        { topics: 'room:*', actions: 'author' },
        {
          topics: 'asked:*',
          actions: (question) => {
            asked.push(question)
            if (question.action === 'update') throw new Error('nobody knows')
            return question.claims.sub === 'moderator'
          },
        },
        { topics: 'fixed:*' },
      ],
      limits: { perAddress: false, perAccount: false, framesPerSecond: 1000 },
      onError: () => undefined,
    })
    await server.ready
    proxy = await startChaosProxy(server.port)
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    await proxy.close()
    await server.close()
    await db?.exec('delete from msc_feed.events')
    asked.length = 0
  })

  const connect = (user: string | undefined, way: Way = 'ws'): Realtime => {
    const client = createRealtime({
      driver:
        way === 'memory'
          ? memory({ server })
          : embedded({
              url: `http://127.0.0.1:${proxy.port}/realtime/v1`,
              WebSocket: way === 'ws' ? (WebSocket as never) : way === 'sse' ? SseSocket : PollSocket,
            }),
      getToken: () => signTestToken(secret, user === undefined ? {} : { sub: user }),
      random: () => 0,
    })
    clients.push(client)
    return client
  }
  const listen = async (user?: string, options: ChannelOptions = {}, topic = 'room:1', way?: Way): Promise<Heard> => {
    const client = connect(user, way)
    const channel = client.channel(topic, { history: true, ...options }) as Channel
    const heard: Heard = { client, channel, messages: [], actions: [], gaps: 0 }
    channel.on('*', (payload, _event, meta) => heard.messages.push([meta?.id, payload]))
    channel.onAction((action) => heard.actions.push(action))
    channel.onGap(() => (heard.gaps += 1))
    await channel.ready
    return heard
  }
  const said = async ({ channel }: Heard, payload: object): Promise<string> =>
    String((await channel.broadcast('note', payload)).id)
  const blip = async ({ client }: Heard, meanwhile: () => Promise<unknown>): Promise<void> => {
    proxy.refuse(true)
    proxy.kill()
    await expect.poll(() => client.status).toBe('reconnecting')
    await meanwhile()
    proxy.refuse(false)
    await expect.poll(() => client.status, { timeout: 10_000 }).toBe('connected')
  }
  const now = async ({ channel }: Heard) => (await channel.history()).messages

  it.each(['ws', 'sse', 'poll', 'memory'] as const)(
    'are edited, deleted and reacted to over %s',
    async (way) => {
      const [ana, bo] = [await listen('ana', {}, 'room:1', way), await listen('bo')]
      const [first, second] = [await said(ana, { n: 1 }), await said(ana, { n: 2 })]
      await expect.poll(() => bo.messages.length).toBe(2)
      await ana.channel.update(first, { n: 10 })
      await bo.channel.react(first, '👍')
      await ana.channel.react(first, '👍')
      await ana.channel.react(first, 'seen')
      await ana.channel.unreact(first, '👍')
      await ana.channel.remove(second)
      for (const each of [ana, bo]) await expect.poll(() => each.actions.length).toBe(6)
      expect(bo.actions).toEqual(ana.actions)
      const [edit, react] = bo.actions
      expect(edit).toEqual({
        id: first,
        action: 'update',
        payload: { n: 10 },
        by: 'ana',
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        version: expect.any(String),
        position: expect.any(String),
      })
      expect(react).toMatchObject({ id: first, action: 'react', name: '👍', by: 'bo' })
      expect(react).not.toHaveProperty('payload')
      expect(bo.actions.map(({ version }) => version)).toEqual(bo.actions.map(({ version }) => version).toSorted())
      const messages = await now(bo)
      expect(messages).toEqual([
        {
          event: 'note',
          payload: { n: 10 },
          meta: {
            id: first,
            at: expect.any(String),
            by: 'ana',
            position: expect.any(String),
            version: edit?.version,
            editedAt: edit?.at,
            reactions: { '👍': { total: 1, by: ['bo'] }, seen: { total: 1, by: ['ana'] } },
          },
        },
        {
          event: 'note',
          deleted: true,
          meta: {
            id: second,
            at: expect.any(String),
            by: 'ana',
            position: expect.any(String),
            version: expect.any(String),
          },
        },
      ])
      expect(await bo.channel.history({ id: first })).toEqual({ messages: [messages[0]], more: false })
      // Who comes later is shown what is there now, and of that what is done from then on.
      const late = await listen('cy', { rewind: 10 })
      await expect.poll(() => late.messages).toEqual([[first, { n: 10 }]])
      await bo.channel.unreact(first, '👍')
      await expect.poll(() => late.actions).toMatchObject([{ id: first, action: 'unreact', name: '👍', by: 'bo' }])
    },
    30_000,
  )

  it('tell what was done while a reader was away, once and in its place, also to messages that it never had', async () => {
    const ana = await listen('ana')
    const old = await said(ana, { n: 0 })
    const bo = await listen('bo')
    await blip(bo, async () => {
      const direct = memory({ server })
      const away = createRealtime({ driver: direct, getToken: () => signTestToken(secret, { sub: 'ana' }) })
      clients.push(away)
      const channel = away.channel('room:1') as Channel
      const id = String((await channel.broadcast('note', { n: 1 })).id)
      await channel.update(id, { n: 2 })
      await channel.update(old, { n: 3 })
      const gone = String((await channel.broadcast('note', { text: 'a secret' })).id)
      await channel.remove(gone)
      await channel.react(id, 'x')
    })
    await expect.poll(() => bo.actions.length).toBe(4)
    // What was deleted meanwhile is told to nobody any more; that it was deleted is.
    expect(bo.messages.map(([, payload]) => payload)).toEqual([{ n: 1 }])
    const [id] = bo.messages[0] ?? []
    expect(bo.actions).toMatchObject([
      { id, action: 'update', payload: { n: 2 } },
      { id: old, action: 'update', payload: { n: 3 } },
      { action: 'delete' },
      { id, action: 'react', name: 'x' },
    ])
    await ana.channel.react(String(id), 'y')
    await expect.poll(() => bo.actions.at(-1)).toMatchObject({ action: 'react', name: 'y' })
    expect([bo.actions.length, bo.gaps]).toEqual([5, 0])
  }, 30_000)

  it('are for their author to edit and delete, for who may write to react to, and for nobody without an account', async () => {
    const [ana, bo] = [await listen('ana'), await listen('bo')]
    const id = await said(ana, { n: 1 })
    const refused = { code: 'REALTIME_REFUSED', retryable: false }
    await expect(bo.channel.update(id, { n: 2 })).rejects.toMatchObject(refused)
    await expect(bo.channel.remove(id)).rejects.toMatchObject(refused)
    const nobody = await listen(undefined)
    await expect(nobody.channel.react(id, 'x')).rejects.toMatchObject(refused)
    await server.publish({ topic: 'room:1', event: 'note', payload: {}, private: false })
    await expect.poll(() => bo.messages.length).toBe(2)
    await expect(bo.channel.remove(String(bo.messages[1]?.[0]))).rejects.toMatchObject(refused)
    const [writer, reader] = [
      await listen('ana', { private: true }, 'room:2'),
      await listen('reader', { private: true }, 'room:2'),
    ]
    const hidden = await said(writer, { n: 1 })
    await expect(reader.channel.react(hidden, 'x')).rejects.toMatchObject(refused)
    const fixed = await listen('ana', {}, 'fixed:1')
    const one = await said(fixed, { n: 1 })
    for (const change of [fixed.channel.update(one, {}), fixed.channel.remove(one), fixed.channel.react(one, 'x')]) {
      await expect(change).rejects.toMatchObject(refused)
    }
    expect(bo.actions).toEqual([])
    expect(server.stats().refused['FORBIDDEN']).toBe(8)
  }, 30_000)

  it('are whose a rule says, which is asked each time, and whose failure is a no', async () => {
    const [ana, moderator] = [await listen('ana', {}, 'asked:1'), await listen('moderator', {}, 'asked:1')]
    const id = await said(ana, { n: 1 })
    await expect(ana.channel.remove(id)).rejects.toMatchObject({ code: 'REALTIME_REFUSED' })
    await expect(moderator.channel.update(id, {})).rejects.toMatchObject({ code: 'REALTIME_REFUSED' })
    await moderator.channel.remove(id)
    await expect.poll(() => ana.actions).toMatchObject([{ id, action: 'delete', by: 'moderator' }])
    expect(asked.map(({ claims, ...rest }) => ({ ...rest, sub: claims.sub }))).toEqual([
      { topic: 'asked:1', private: false, action: 'delete', id, author: 'ana', sub: 'ana' },
      { topic: 'asked:1', private: false, action: 'update', id, author: 'ana', sub: 'moderator' },
      { topic: 'asked:1', private: false, action: 'delete', id, author: 'ana', sub: 'moderator' },
    ])
  }, 30_000)

  it('that are unknown, of another topic, or deleted, are refused by one code', async () => {
    const [ana, other] = [await listen('ana'), await listen('ana', {}, 'room:2')]
    const hidden = await listen('ana', { private: true })
    const [id, gone] = [await said(ana, { n: 1 }), await said(ana, { n: 2 })]
    await ana.channel.react(id, 'x')
    await ana.channel.remove(gone)
    const action = (await db?.query<{ id: unknown }>('select max(id) as id from msc_feed.events'))?.[0]?.id
    const unknown = { code: 'REALTIME_MESSAGE_UNKNOWN', retryable: false }
    for (const [channel, target] of [
      [ana.channel, 'f0'],
      [ana.channel, 'nonsense'],
      [ana.channel, `f${action}`],
      [ana.channel, 'f999999999999999999'],
      [ana.channel, gone],
      [other.channel, id],
      [hidden.channel, id],
    ] as const) {
      await expect(channel.update(target, {})).rejects.toMatchObject(unknown)
      await expect(channel.react(target, 'x')).rejects.toMatchObject(unknown)
    }
    await expect(ana.channel.remove('')).rejects.toMatchObject({ code: 'REALTIME_PAYLOAD_INVALID' })
  }, 30_000)

  it('have one reaction of a name by each user, and names that are bounded', async () => {
    const [ana, bo] = [await listen('ana'), await listen('bo')]
    const id = await said(ana, { n: 1 })
    await ana.channel.react(id, 'x')
    await ana.channel.react(id, 'x')
    await bo.channel.unreact(id, 'x')
    await ana.channel.unreact(id, 'x')
    await ana.channel.unreact(id, 'x')
    await expect.poll(() => bo.actions.map(({ action }) => action)).toEqual(['react', 'unreact'])
    expect((await now(bo))[0]?.meta.reactions).toBeUndefined()
    for (const name of ['', 'ü'.repeat(33), '\ud800', 7 as never]) {
      await expect(ana.channel.react(id, name)).rejects.toMatchObject({ code: 'REALTIME_PAYLOAD_INVALID' })
    }
    await Promise.all(Array.from({ length: 50 }, (_, n) => ana.channel.react(id, `name ${n}`)))
    await expect(ana.channel.react(id, 'x')).rejects.toMatchObject({ code: 'REALTIME_MESSAGE_FULL', retryable: false })
    await bo.channel.react(id, 'name 0')
    await ana.channel.unreact(id, 'name 1')
    await ana.channel.react(id, 'x')
    expect(Object.keys((await now(bo))[0]?.meta.reactions ?? {})).toHaveLength(50)
  }, 30_000)

  it('name the first twenty who reacted, and count all', async () => {
    const ana = await listen('ana')
    const id = await said(ana, { n: 1 })
    const users = Array.from({ length: 25 }, (_, n) => `user ${String(n).padStart(2, '0')}`)
    for (const by of users) await server.act({ topic: 'room:1', private: false, id, action: 'react', name: 'x', by })
    expect((await now(ana))[0]?.meta.reactions).toEqual({ x: { total: 25, by: users.slice(0, 20) } })
  }, 30_000)

  it('are in smaller pages where many have reacted, so that a page stays bounded', async () => {
    const ana = await listen('ana')
    const ids = [await said(ana, { n: 1 }), await said(ana, { n: 2 }), await said(ana, { n: 3 })]
    const long = 'x'.repeat(4000)
    const react = (id: string, n: number): Promise<void> =>
      server.act({ topic: 'room:1', private: false, id, action: 'react', name: `${n % 40}`, by: `${long} ${n}` })
    // Some 1.2 MB of each, of which a page has one or, where it is counted as what is told at most, a few.
    for (const id of ids) for (let n = 0; n < 300; n += 20) await Promise.all(upTo(20).map((k) => react(id, n + k)))
    const page = await ana.channel.history({ limit: 100 })
    expect(JSON.stringify(page).length).toBeLessThan(4_000_000)
    expect(page.messages.at(-1)?.meta.id).toBe(ids[2])
    let all = page.messages.length
    for (let { more, messages } = page; more;) {
      ;({ more, messages } = await ana.channel.history({ limit: 100, before: messages[0]?.meta.id }))
      all += messages.length
    }
    expect(all).toBe(3)
  }, 60_000)

  it('end the same for all readers when many edit one at once', async () => {
    const readers = [await listen('ana'), await listen('bo'), await listen('cy')]
    const id = await said(readers[0] as Heard, { n: 0 })
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        server.act({ topic: 'room:1', private: false, id, action: 'update', payload: { n: n + 1 } }),
      ),
    )
    for (const reader of readers) await expect.poll(() => reader.actions.length).toBe(40)
    const [message] = await now(readers[0] as Heard)
    for (const { actions } of readers) {
      expect(actions.at(-1)).toMatchObject({ payload: message?.payload, version: message?.meta.version })
      expect(actions.map(({ version }) => version)).toEqual(actions.map(({ version }) => version).toSorted())
    }
  }, 30_000)

  it('are changed by the application in anybody’s name, which is told what is wrong', async () => {
    const ana = await listen('ana')
    const id = await said(ana, { n: 1 })
    const place = { topic: 'room:1', private: false, id }
    await server.act({ ...place, action: 'update', payload: 'redacted' })
    await server.act({ ...place, action: 'react', name: 'x', by: 'bo' })
    // Of what is deleted nothing else is told to who has not heard of it by then.
    await expect.poll(() => ana.actions.length).toBe(2)
    await server.act({ ...place, action: 'delete', by: 'moderator' })
    await expect.poll(() => ana.actions.length).toBe(3)
    expect(ana.actions).toMatchObject([{ payload: 'redacted' }, { by: 'bo' }, { action: 'delete', by: 'moderator' }])
    expect(ana.actions[0]).not.toHaveProperty('by')
    const rejected = async (more: object): Promise<unknown> =>
      server.act({ ...place, action: 'delete', ...more }).catch((error: { code: unknown }) => error.code)
    expect(await rejected({})).toBe('REALTIME_MESSAGE_UNKNOWN')
    expect(await rejected({ topic: 'other' })).toBe('REALTIME_NOT_KEPT')
    expect(await rejected({ action: 'react', name: 'x' })).toBe('REALTIME_ACTION_INVALID')
    expect(await rejected({ action: 'explode' })).toBe('REALTIME_ACTION_INVALID')
    expect(await rejected({ action: 'update', payload: new Uint8Array(1) })).toBe('REALTIME_PAYLOAD_UNWRITABLE')
  }, 30_000)

  it('tell nothing of it to who did not ask for a history, as Supabase’s SDK does not', async () => {
    const socket = await openRaw(server.url, await signTestToken(secret, { sub: 'bo' }))
    await socket.ask('realtime:room:1', 'phx_join', { config: {} })
    const ana = await listen('ana')
    const id = await said(ana, { n: 1 })
    const broadcasts = () => socket.heard.filter(([, event]) => event === 'broadcast')
    await expect.poll(() => broadcasts().length).toBe(1)
    await ana.channel.update(id, { n: 2 })
    await ana.channel.remove(id)
    await said(ana, { n: 3 })
    await expect.poll(() => broadcasts().length).toBe(2)
    expect(JSON.stringify(broadcasts())).not.toContain('"action"')
    socket.socket.terminate()
    // Whatever a client calls its message, it is a message.
    const bo = await listen('bo')
    await ana.channel.broadcast('msc_action', { action: 'delete', target: id })
    await expect.poll(() => bo.messages).toEqual([[expect.any(String), { action: 'delete', target: id }]])
    expect(bo.actions).toEqual([])
  }, 30_000)

  it('keep no payload of what was deleted in any page, nor of an edit that was too large for one', async () => {
    const ana = await listen('ana')
    const before = ana.channel.position
    expect(before).toBeTypeOf('string')
    const ids = [await said(ana, { text: 'short' }), await said(ana, { text: 'short too' })]
    const large = 'x'.repeat(60_000)
    for (const id of ids) await ana.channel.update(id, { text: large })
    expect((await now(ana)).map(({ payload }) => (payload as { text: string }).text.length)).toEqual([60_000, 60_000])
    await ana.channel.update(ids[0] ?? '', { text: 'xxx' })
    await ana.channel.react(ids[0] ?? '', 'xxx')
    for (const id of ids) await ana.channel.remove(id)
    expect(JSON.stringify(await now(ana))).not.toContain('xxx')
    expect((await now(ana)).map(({ deleted }) => deleted)).toEqual([true, true])
    // Nor does whoever goes on from before it.
    const late = await listen('cy', { from: before })
    await expect.poll(() => late.actions.map(({ action }) => action)).toEqual(['delete', 'delete'])
    expect([late.messages, late.gaps]).toEqual([[], 0])
  }, 30_000)
})
