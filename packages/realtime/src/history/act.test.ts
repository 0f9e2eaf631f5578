import { afterEach, beforeEach, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { MessageAction } from '../base/message.ts'
import { createRealtime, type Channel, type Realtime } from '../create-realtime.ts'
import type { RealtimeDriver } from '../driver.ts'
import { memory } from '../drivers/memory.ts'
import { supabase } from '../drivers/supabase.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { createFakeBrowser } from '../tabs/fake-browser.ts'
import { shareTabs } from '../tabs/index.ts'
import { signTestToken } from '../testing/tokens.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const events = { rated: z.object({ stars: z.number() }), played: z.object({ at: z.coerce.date() }) }
let server: StandaloneServer
const clients: Realtime[] = []
beforeEach(async () => {
  server = await startRealtimeServer({
    jwtSecret: secret,
    authorize: () => true,
    history: [{ topics: 'room:*', actions: 'author' }],
  })
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await server.close()
})
const open = async (driver: RealtimeDriver = memory({ server }), sub = 'a'): Promise<Realtime> => {
  const token = await signTestToken(secret, { sub })
  const client = createRealtime({ driver, getToken: () => token, random: () => 0, onError: () => undefined })
  clients.push(client)
  return client
}
/** How often the driver was asked to do something to a message. */
function counting(driver: RealtimeDriver): { driver: RealtimeDriver; asked: unknown[] } {
  const asked: unknown[] = []
  return {
    asked,
    driver: {
      ...driver,
      async subscribe(...args) {
        const subscription = await driver.subscribe(...args)
        return {
          ...subscription,
          async act(action, signal) {
            asked.push(action)
            return subscription.act?.(action, signal)
          },
        }
      },
    },
  }
}

it('checks an edit against the schema of the event that the message was sent as, and hands it on as that reads it', async () => {
  const { driver, asked } = counting(memory({ server }))
  const channel = (await open(driver)).channel('room:1', { events, history: true })
  const actions: unknown[] = []
  channel.onAction((action) => {
    expectTypeOf(action.payload).toEqualTypeOf<{ stars: number } | { at: Date } | undefined>()
    actions.push(action.payload)
  })
  await channel.ready
  const { id = '' } = await channel.broadcast('played', { at: '2026-11-23T00:00:00Z' })
  await expect(channel.update(id, { stars: 1 })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  expect(asked).toEqual([])
  await channel.update(id, { at: '2026-11-24T00:00:00Z' })
  await expect.poll(() => actions).toEqual([{ at: new Date('2026-11-24T00:00:00Z') }])
  expect((await channel.history()).messages[0]?.payload).toEqual({ at: new Date('2026-11-24T00:00:00Z') })
  // What is not valid is told nobody, and holds up nothing.
  const place = { topic: 'room:1', private: false, id }
  await server.act({ ...place, action: 'update', payload: { at: 'never' } })
  await server.act({ ...place, action: 'delete' })
  await expect.poll(() => actions).toEqual([{ at: expect.any(Date) }, undefined])
  await expect(channel.update(id, { stars: 1 })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  await expect(channel.update('nothing', { stars: 1 })).rejects.toMatchObject({ code: 'REALTIME_MESSAGE_UNKNOWN' })
})

it('refuses at once what JSON can not carry', async () => {
  const channel = (await open()).channel('room:1') as Channel
  await expect(channel.update('m1', 1n as never)).rejects.toMatchObject({ code: 'REALTIME_PAYLOAD_INVALID' })
})

it('says on Supabase that messages can not be changed there', async () => {
  const anonKey = await signTestToken(secret, { role: 'anon' })
  const channel = (await open(supabase({ url: server.url, anonKey }))).channel('room:1') as Channel
  await channel.ready
  const { id = 'm1' } = await channel.broadcast('note', {})
  for (const change of [channel.update(id, {}), channel.remove(id), channel.react(id, 'x'), channel.unreact(id, 'x')]) {
    await expect(change).rejects.toMatchObject({ code: 'REALTIME_NO_ACTIONS', retryable: false })
  }
})

it('goes over the connection of another tab, and is heard in each tab that has a history', async () => {
  const browser = createFakeBrowser()
  const tab = (name: string): Promise<Realtime> =>
    open(shareTabs(memory({ server }), { ...browser.tab(name), page: new EventTarget(), patienceMs: 100 }))
  const heard = new Map<string, unknown[]>()
  const listen = async (client: Realtime, name: string, history: boolean): Promise<Channel> => {
    const channel = client.channel('room:1', { history }) as Channel
    const told: unknown[] = []
    heard.set(name, told)
    channel.on('*', (_payload, event) => told.push(event))
    channel.onAction(({ action }: MessageAction) => told.push(action))
    await channel.ready
    return channel
  }
  await listen(await tab('1'), 'first', true)
  const second = await listen(await tab('2'), 'second', true)
  await listen(await tab('3'), 'plain', false)
  const { id = '' } = await second.broadcast('note', {})
  await second.react(id, 'x')
  await second.remove(id)
  await server.publish({ topic: 'room:1', event: 'end', payload: {}, private: false })
  await expect.poll(() => heard.get('plain')).toEqual(['note', 'end'])
  await expect.poll(() => heard.get('first')).toEqual(['note', 'react', 'delete', 'end'])
  await expect.poll(() => heard.get('second')).toEqual(['react', 'delete', 'end'])
})

it('is not heard by who subscribes as it is heard', async () => {
  const realtime = await open()
  const room = realtime.channel('room:1', { history: true })
  let heard = 0
  const subscribe = (): void => {
    const channel = realtime.channel('room:1', { history: true })
    channel.onAction(() => {
      heard += 1
      channel.leave()
      if (heard < 50) subscribe()
    })
  }
  subscribe()
  let isTold = false
  await room.ready
  const { id } = await room.broadcast('note', { n: 1 })
  room.onAction(() => (isTold = true))
  await room.react(String(id), 'up')
  await expect.poll(() => isTold).toBe(true)
  expect(heard).toBe(1)
})
