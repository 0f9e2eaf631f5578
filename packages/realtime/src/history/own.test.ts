import { DriverError } from '@msc/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRealtime, type ChannelOptions, type Realtime } from '../create-realtime.ts'
import type { RealtimeDriver } from '../driver.ts'
import { memory } from '../drivers/memory.ts'
import { createRealtimeServer, type RealtimeServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import { isOwn } from './own.ts'

const identity = JSON.stringify(['ana', null, 'authenticated'])
const meta = (by?: string, id = 'f1') => ({ id, at: '', ...(by !== undefined && { by }) })

describe('a message is known as one’s own', () => {
  it.each([
    ['by the id of its stamp and its event', { n: 1, _msc: { id: 'x' } }, 'note', meta('ana'), identity, true],
    ['by the server’s id, whatever it is', 'a text', 'note', meta('ana', 'f7'), identity, true],
    ['not as another event', { n: 1, _msc: { id: 'x' } }, 'other', meta('ana'), identity, false],
    ['not when somebody else sends it on', { n: 1, _msc: { id: 'x' } }, 'note', meta('bo'), identity, false],
    ['not when the application sends it on', { n: 1, _msc: { id: 'x' } }, 'note', meta(), identity, false],
    [
      'not by another user of the same page',
      { n: 1, _msc: { id: 'x' } },
      'note',
      meta('ana'),
      '["bo",null,null]',
      false,
    ],
    ['by nobody', { n: 1, _msc: { id: 'x' } }, 'note', meta(), '', true],
    ['by who has a token without a `sub`', { n: 1, _msc: { id: 'x' } }, 'note', meta(), '[null,null,"anon"]', true],
    ['not by a stamp that is none', { _msc: 'x' }, 'note', meta('ana'), identity, false],
  ])('%s', (_how, payload, event, said, who, expected) => {
    expect(isOwn({ identity: who, sent: new Set(['note x', 'f7']) }, event, payload, said)).toBe(expected)
  })

  it('by no client that has sent nothing', () => {
    expect(isOwn({ identity }, 'note', { _msc: { id: 'x' } }, meta('ana'))).toBe(false)
    expect(isOwn(undefined, 'note', {}, undefined)).toBe(false)
  })
})

describe('a sender whose answer was lost', () => {
  const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
  let server: RealtimeServer
  const clients: Realtime[] = []
  beforeEach(() => {
    server = createRealtimeServer({
      jwtSecret,
      authorize: () => true,
      history: [{ topics: 'room' }, { topics: 'kept' }],
      limits: { framesPerSecond: 100_000, perAccount: false },
    })
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    await server.close()
  })
  const connect = async (sub: string, driver: RealtimeDriver = memory({ server })): Promise<Realtime> => {
    const token = await signTestToken(jwtSecret, { sub })
    const client = createRealtime({ driver, getToken: () => token, random: () => 0, onError: () => undefined })
    clients.push(client)
    return client
  }

  it.each([{ history: true }, { rewind: 5 }])('does not hear its own when it is back, with %j', async (options) => {
    const driver = memory({ server })
    let isLost = false
    const losing: RealtimeDriver = {
      ...driver,
      async subscribe(topic, wanted, handlers, signal) {
        const live = await driver.subscribe(topic, wanted, handlers, signal)
        return {
          ...live,
          async send(...message) {
            const answer = await live.send(...message)
            if (isLost) return answer
            isLost = true
            const reason = new DriverError('memory', 'The connection was lost.', { retryable: true })
            await live.leave()
            handlers.onDown(reason, 0)
            throw reason
          },
        }
      },
    }
    const room = (await connect('ana', losing)).channel('room', options as ChannelOptions)
    const other = (await connect('bo')).channel('room')
    const heard: unknown[] = []
    room.on('note', ({ n }) => heard.push(n))
    room.onGap(() => heard.push('gap'))
    await Promise.all([room.ready, other.ready])
    const position = room.position
    expect(position).toEqual(expect.any(String))
    await expect(room.broadcast('note', { n: 'own' })).rejects.toMatchObject({ retryable: true })
    await other.broadcast('note', { n: 'of another' })
    await expect.poll(() => heard).toEqual(['of another'])
    expect((await room.history()).messages.map(({ payload }) => (payload as { n: unknown }).n)).toEqual([
      'own',
      'of another',
    ])
  })

  it('is known by it however much was sent since where nothing is kept', async () => {
    const client = await connect('ana')
    const [room, hall] = [client.channel('kept', { history: true }), client.channel('hall')]
    await Promise.all([room.ready, hall.ready])
    const from = room.position as string
    await room.broadcast('note', { n: 'own' })
    for (let n = 0; n < 5100; n++) await hall.broadcast('moved', { n })
    room.leave()
    const next = client.channel('kept', { from })
    const heard: unknown[] = []
    next.on('note', ({ n }) => heard.push(n))
    await next.ready
    await server.publish({ topic: 'kept', event: 'note', payload: { n: 'later' }, private: false })
    await expect.poll(() => heard).toEqual(['later'])
  })
})
