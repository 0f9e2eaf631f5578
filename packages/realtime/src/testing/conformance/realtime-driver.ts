import { currentContext, newTrace, withContext } from '@msc/core'
import { freePort } from '@msc/core/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { feedTopic } from '../../feed/feed-topic.ts'
import { createRealtime, type Realtime, type RealtimeOptions } from '../../create-realtime.ts'
import type { RealtimeDriver } from '../../driver.ts'
import { startRealtimeServer, type StandaloneServer } from '../../server/index.ts'
import { signTestToken } from '../tokens.ts'

export interface RealtimeDriverSetup {
  readonly url: string
  readonly apiKey: string
  readonly serviceRoleKey: string
  /** The server itself, whichever runs now. */
  readonly server: Pick<StandaloneServer, 'connect' | 'publish'>
}

const secret = 'a-secret-for-tests-that-is-long-enough-0123'

/** What every driver of `@msc/realtime` promises, over real sockets against the embedded server. */
export function testRealtimeDriver(name: string, create: (setup: RealtimeDriverSetup) => RealtimeDriver): void {
  describe(`realtime driver: ${name}`, () => {
    let server: StandaloneServer
    let setup: RealtimeDriverSetup
    const clients: Realtime[] = []
    /** Whose permission the server was asked for. */
    const asked: (readonly [topic: string, sub: unknown, session: unknown])[] = []
    beforeEach(async () => {
      server = await startRealtimeServer({
        port: await freePort(),
        jwtSecret: secret,
        history: [{ topics: 'kept:*' }],
        authorize({ claims, topic, action }) {
          asked.push([topic, claims.sub, claims['session_id']])
          return action !== 'write' && topic.endsWith(`:${claims.sub}`)
        },
      })
      asked.length = 0
      const [apiKey, serviceRoleKey] = await Promise.all([
        signTestToken(secret, { role: 'anon' }),
        signTestToken(secret, { role: 'service_role' }),
      ])
      setup = {
        url: server.url,
        apiKey,
        serviceRoleKey,
        server: { connect: (...args) => server.connect(...args), publish: (message) => server.publish(message) },
      }
    })
    afterEach(async () => {
      await Promise.all(clients.splice(0).map((client) => client.close()))
      await server.close()
    })
    const connect = (user: string | undefined, options: Partial<RealtimeOptions> = {}): Realtime => {
      const client = createRealtime({
        driver: create(setup),
        getToken: () => (user === undefined ? setup.apiKey : signTestToken(secret, { sub: user })),
        // No jitter: these tests wait for the second attempt.
        random: () => 0,
        timeoutMs: 5000,
        ...options,
      })
      clients.push(client)
      return client
    }

    it('refuses what JSON can not carry, keeps nothing of it, and goes on', async () => {
      const [channel, other] = [connect('a').channel('room'), connect('b').channel('room')]
      const heard: unknown[] = []
      other.on('note', (payload) => heard.push(payload))
      await Promise.all([channel.ready, other.ready])
      const loop: Record<string, unknown> = {}
      loop['self'] = loop
      for (const payload of [{ n: 1n }, loop]) {
        await expect(channel.broadcast('note', payload)).rejects.toMatchObject({ code: 'REALTIME_PAYLOAD_INVALID' })
        await expect(channel.track(payload)).rejects.toMatchObject({ code: 'REALTIME_PAYLOAD_INVALID' })
      }
      await channel.broadcast('note', { n: 1 })
      await expect.poll(() => heard).toEqual([{ n: 1 }])
    })

    it('sends what a `toJSON` makes of a payload, and nothing that it leaves out', async () => {
      const [channel, other] = [connect('a').channel('room'), connect('b').channel('room')]
      const heard: unknown[] = []
      other.on('paid', (payload) => heard.push(payload))
      await Promise.all([channel.ready, other.ready])
      await channel.broadcast('paid', new Amount() as never)
      await expect.poll(() => heard).toEqual([{ amount: '5' }])
    })

    it('is ready when the server says so, and hears what another sends, but not itself', async () => {
      const [alice, bob] = [connect('a').channel('room'), connect('b').channel('room')]
      const heard: unknown[] = []
      alice.on('note', (payload) => heard.push(['alice', payload]))
      bob.on('note', (payload) => heard.push(['bob', payload]))
      bob.on('*', (payload) => heard.push(['any', payload]))
      await Promise.all([alice.ready, bob.ready])
      await alice.broadcast('note', { text: 'Å 🎵', n: [1, null] })
      await expect
        .poll(() => heard)
        .toEqual([
          ['bob', { text: 'Å 🎵', n: [1, null] }],
          ['any', { text: 'Å 🎵', n: [1, null] }],
        ])
    })

    it('hands on any JSON as it is', async () => {
      const [channel, other] = [connect('a').channel('room'), connect('b').channel('room')]
      const heard: unknown[] = []
      other.on('note', (payload) => heard.push(payload))
      await Promise.all([channel.ready, other.ready])
      const payloads = ['Å 🎵', '', [1, [null]], 7, true, { n: { m: null } }]
      for (const payload of payloads) await channel.broadcast('note', payload)
      await expect.poll(() => heard).toEqual(payloads)
    })

    it('carries bytes, or refuses them and goes on', async () => {
      const [channel, other] = [connect('a').channel('room'), connect('b').channel('room')]
      const heard: unknown[] = []
      other.on('*', (payload) => heard.push(payload))
      await Promise.all([channel.ready, other.ready])
      const bytes = Uint8Array.from([0, 255, 1])
      const sent = channel.broadcast('sound', bytes)
      const error = await sent.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error !== undefined) expect(error).toMatchObject({ code: 'REALTIME_NO_BYTES', retryable: false })
      await channel.broadcast('note', { n: 1 })
      await expect.poll(() => heard).toEqual(error === undefined ? [bytes, { n: 1 }] : [{ n: 1 }])
    })

    it('asks the server as the user of now alone when the user changes, nobody included', async () => {
      const tokens: Record<string, () => Promise<string>> = {
        ana: () => signTestToken(secret, { sub: 'ana', session_id: '1' }),
        'ana again': () => signTestToken(secret, { sub: 'ana', session_id: '2' }),
        bo: () => signTestToken(secret, { sub: 'bo' }),
      }
      let user = 'ana'
      const client = connect(undefined, { getToken: () => tokens[user]?.(), onError: () => undefined })
      const heard: unknown[] = []
      // A public one keeps the connection, or would.
      const room = client.channel('room')
      client.feed('orders', 'ana', ({ data }) => heard.push(data))
      const orders = (id: number) => ({
        topic: feedTopic('orders', 'ana'),
        event: 'INSERT',
        payload: { record: { id } },
        private: true,
      })
      await expect.poll(() => client.status).toBe('connected')
      server.publish(orders(1))
      await expect.poll(() => heard).toEqual([{ id: 1 }])

      const change = async (next: string, sub: unknown, session: unknown): Promise<void> => {
        user = next
        asked.length = 0
        await client.refreshToken()
        await expect.poll(() => asked.length).toBeGreaterThan(0)
        const mine = client.channel(`mine:${next}`, { private: true })
        await expect.poll(() => asked.some(([topic]) => topic === `mine:${next}`)).toBe(true)
        expect(new Set(asked.map((each) => JSON.stringify(each.slice(1))))).toEqual(
          new Set([JSON.stringify([sub, session])]),
        )
        mine.leave()
        await room.ready
      }
      await change('nobody', undefined, undefined)
      server.publish(orders(2))
      await change('bo', 'bo', undefined)
      server.publish(orders(3))
      await change('ana again', 'ana', '2')
      await expect.poll(() => client.status, { timeout: 5000 }).toBe('connected')
      server.publish(orders(4))
      await expect.poll(() => heard).toEqual([{ id: 1 }, { id: 4 }])
      // The connections of those who have gone are gone.
      await expect.poll(() => server.stats().connections).toBe(1)
    })

    it('begins a channel that is kept with its latest messages, where it can read them', async () => {
      const note = (n: number) => ({ topic: 'kept:1', event: 'note', payload: { n }, private: false })
      for (const n of [1, 2, 3]) await server.publish(note(n))
      const channel = connect('a').channel('kept:1', { rewind: 2 })
      const heard: unknown[] = []
      channel.on('note', ({ n }) => heard.push(n))
      await channel.ready
      const { messages } = await channel.history()
      const canRead = messages.length > 0
      if (canRead) await expect.poll(() => heard).toEqual([2, 3])
      await server.publish(note(4))
      await expect.poll(() => heard).toEqual(canRead ? [2, 3, 4] : [4])
    })

    it('lets two subscribers share a topic, and leaves it with the last', async () => {
      const client = connect('a')
      const [one, two] = [client.channel('room'), client.channel('room')]
      const heard: string[] = []
      one.on('note', () => heard.push('one'))
      two.on('note', () => heard.push('two'))
      const sender = connect('b').channel('room')
      await Promise.all([one.ready, two.ready, sender.ready])
      await sender.broadcast('note', {})
      await expect.poll(() => heard.toSorted()).toEqual(['one', 'two'])
      one.leave()
      one.leave()
      await sender.broadcast('note', {})
      await expect.poll(() => heard.length).toBe(3)
      two.leave()
      await expect.poll(() => server.stats().connections).toBe(1)
    })

    it('delivers a change to the owner alone, once, in the trace of who made it', async () => {
      const owner: unknown[] = []
      const stranger: unknown[] = []
      const mine = connect('a')
      mine.feed('releases', 'a', (change) =>
        owner.push([change.type, change.data, change.old, currentContext()?.trace.traceId]),
      )
      connect('b').feed('releases', 'b', (change) => stranger.push(change))
      await expect.poll(() => server.stats().rooms).toBe(2)
      const publisher = connect(undefined, { driver: create({ ...setup, apiKey: setup.serviceRoleKey }) })
      const trace = newTrace()
      await withContext({ trace }, async () => {
        await publisher.publishChange({ table: 'releases', ownerId: 'a', type: 'INSERT', record: { id: 1 } })
        await publisher.publishChange({ table: 'releases', ownerId: 'a', type: 'DELETE', record: null, old: { id: 1 } })
      })
      await expect
        .poll(() => owner)
        .toEqual([
          ['INSERT', { id: 1 }, undefined, trace.traceId],
          ['DELETE', { id: 1 }, { id: 1 }, trace.traceId],
        ])
      expect(stranger).toEqual([])
    })

    it.each<[string, () => string | Promise<string>]>([
      ["another user's token", () => signTestToken(secret, { sub: 'b' })],
      ['a forged token', () => signTestToken('another-secret-that-is-also-long-enough-01', { sub: 'a' })],
      ['an expired token', () => signTestToken(secret, { sub: 'a' }, -10)],
      ["nobody's token", () => setup.apiKey],
    ])('does not let %s into a private topic', async (_label, getToken) => {
      const client = connect('x', { getToken, timeoutMs: 1000 })
      const heard: unknown[] = []
      const channel = client.channel(feedTopic('releases', 'a'), { private: true })
      channel.on('*', (payload) => heard.push(payload))
      await expect.poll(() => client.status, { timeout: 3000 }).toBe('reconnecting')
      server.publish({ topic: feedTopic('releases', 'a'), event: 'INSERT', payload: { record: {} }, private: true })
      await expect(Promise.race([channel.ready, Promise.resolve('not ready')])).resolves.toBe('not ready')
      expect(heard).toEqual([])
    })

    it('comes back by itself after the connection is lost, with a token asked for anew, and says that it missed something', async () => {
      const getToken = vi.fn(() => signTestToken(secret, { sub: 'a' }))
      const client = connect('a', { getToken })
      const gaps: string[] = []
      const heard: unknown[] = []
      const statuses: string[] = []
      client.onStatus((status) => statuses.push(status))
      client.feed(
        'releases',
        'a',
        (change) => heard.push(change.data),
        () => gaps.push('gap'),
      )
      await expect.poll(() => client.status).toBe('connected')
      const asked = getToken.mock.calls.length
      const { port } = server
      await server.close()
      await expect.poll(() => client.status).toBe('reconnecting')
      server = await startRealtimeServer({
        port,
        jwtSecret: secret,
        authorize: ({ claims, topic }) => topic.endsWith(`:${claims.sub}`),
      })
      await expect.poll(() => client.status, { timeout: 15_000 }).toBe('connected')
      expect(gaps).toEqual(['gap'])
      expect(getToken.mock.calls.length).toBeGreaterThan(asked)
      server.publish({
        topic: feedTopic('releases', 'a'),
        event: 'INSERT',
        payload: { record: { id: 2 } },
        private: true,
      })
      await expect.poll(() => heard).toEqual([{ id: 2 }])
      expect(statuses).toContain('reconnecting')
    })

    it('shows who is there, and who has left', async () => {
      const [alice, bob] = [connect('a'), connect('b')]
      const here = alice.channel('lobby', { presenceKey: 'a' })
      const seen: unknown[] = []
      here.onPresence((state) => seen.push(state))
      await here.track({ page: 'home' })
      const there = bob.channel('lobby', { presenceKey: 'b' })
      await there.track({ page: 'releases' })
      await expect.poll(() => seen.at(-1)).toEqual({ a: [{ page: 'home' }], b: [{ page: 'releases' }] })
      await there.track({ page: 'wallet' })
      await expect.poll(() => seen.at(-1)).toEqual({ a: [{ page: 'home' }], b: [{ page: 'wallet' }] })
      there.leave()
      await expect.poll(() => seen.at(-1)).toEqual({ a: [{ page: 'home' }] })
    })

    it('closes its socket, rejects what waits, and refuses what comes after', async () => {
      const client = connect('a')
      const channel = client.channel('room')
      await channel.ready
      await client.close()
      await expect.poll(() => server.stats().connections).toBe(0)
      await expect(channel.broadcast('note', {})).rejects.toMatchObject({ code: 'REALTIME_CLOSED' })
      expect(() => client.channel('room')).toThrow(/closed/)
      expect(client.status).toBe('closed')
    })

    it('answers a health check', async () => {
      expect(await connect('a').health()).toMatchObject({ concern: 'realtime', status: 'ready' })
    })
  })
}

class Amount {
  readonly amount = 5n
  readonly note = 'not for the wire'

  toJSON(): object {
    return { amount: String(this.amount) }
  }
}
