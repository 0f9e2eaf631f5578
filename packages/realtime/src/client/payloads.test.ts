import { DriverError } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'
import { z } from 'zod'
import { stamped } from '../base/stamped.ts'
import { unstamped } from '../base/stamp.ts'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import type { RealtimeDriver, Subscription } from '../driver.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'

let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
/** What the server tells of itself, and what the driver can. */
let extra: Partial<Subscription>

beforeAll(() => import('./sending.ts'))
beforeEach(() => {
  fake = createFakeRealtime()
  clock = createManualClock(Date.now())
  extra = {}
  const driver: RealtimeDriver = {
    ...fake.driver,
    subscribe: async (...args) => ({ ...(await fake.driver.subscribe(...args)), ...extra }),
  }
  client = createRealtime({ driver, clock, onError: () => undefined })
})
afterEach(() => client.close())

const details = (what: string): unknown[] =>
  fake.received.filter((request) => request.what === what).map(({ detail }) => detail)
const sent = (): unknown[] =>
  details('send').map((detail) => unstamped((detail as { payload: unknown }).payload).payload)
const tools = { carrier: () => ({ traceparent: '' }), randomHex: () => 'id' }

describe('any JSON', () => {
  it('is sent and handed on as it is', async () => {
    const channel = client.channel('room')
    const heard: unknown[] = []
    channel.on('note', (payload) => heard.push(payload))
    await channel.ready
    const payloads = ['text', '', [1, [2]], 7, 0, true, false, null, { n: 1 }, {}]
    for (const payload of payloads) {
      await channel.broadcast('note', payload)
      fake.push('room', 'note', payload)
    }
    expect(sent()).toEqual(payloads)
    expect(heard).toEqual(payloads)
    await client.publish('room', 'note', [1])
    expect(sent().at(-1)).toEqual([1])
  })

  it('survives its stamp, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        const wire: unknown = JSON.parse(JSON.stringify(stamped(payload, tools)))
        const expected: unknown = JSON.parse(JSON.stringify(payload))
        if (typeof expected === 'object' && expected !== null && '_msc' in expected) return
        expect(unstamped(wire).payload).toEqual(expected)
      }),
    )
  })

  it.each([[null], ['text'], [7], [[]], [{ id: {} }]])('is read with the stamp %j of whoever sent it', async (_msc) => {
    const channel = client.channel('room')
    const heard: unknown[] = []
    channel.on('note', (payload) => heard.push(payload))
    await channel.ready
    fake.push('room', 'note', { n: 1, _msc })
    expect(heard).toEqual([{ n: 1 }])
  })

  it('that is sent on as another event, with the stamp still in it, is another message', async () => {
    const channel = client.channel('room')
    const heard: unknown[] = []
    channel.on('*', ({ text }, event) => heard.push([event, text]))
    await channel.ready
    const say = (event: string, text: string): void => fake.push('room', event, { text, _msc: { id: '1' } })
    say('said', 'hi')
    say('checked', 'hi, checked')
    say('said', 'hi')
    expect(heard).toEqual([
      ['said', 'hi'],
      ['checked', 'hi, checked'],
    ])
  })

  it('is handed on also where a stranger says nothing sensible of its id', async () => {
    const channel = client.channel('room')
    const heard: unknown[] = []
    channel.on('note', ({ n }) => heard.push(n))
    await channel.ready
    const id: unknown = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)
    for (const n of [1, 2]) fake.push('room', 'note', { n, _msc: { id } })
    fake.push('room', 'note', { n: 3, _msc: { id: { toString: 1 } } })
    expect(heard).toEqual([1, 2, 3])
  })

  it('is as it was when it was sent, whatever becomes of the object or the bytes', async () => {
    const bytes: unknown[] = []
    extra.sendBytes = async (_event, sending) => void bytes.push([...sending])
    const channel = client.channel('room')
    const position = { x: 0, in: { y: 0 } }
    const buffer = new Uint8Array([0])
    const state = { n: 1 }
    const waiting: Promise<unknown>[] = []
    const sendAll = (): void => {
      for (let x = 1; x <= 5; x++) {
        position.x = position.in.y = buffer[0] = x
        waiting.push(channel.broadcast('move', position), channel.broadcast('move', buffer))
        waiting.push(client.publish('room', 'move', position))
      }
    }
    // While there is no connection yet, and when there is one.
    sendAll()
    await channel.ready
    sendAll()
    waiting.push(channel.track(state))
    state.n = 99
    await Promise.all(waiting)
    const all = [1, 2, 3, 4, 5].flatMap((x) => [x, x]).toSorted()
    const moved = sent() as { x: number; in: { y: number } }[]
    expect(moved.every(({ x, in: { y } }) => x === y)).toBe(true)
    expect(moved.map(({ x }) => x).toSorted()).toEqual([...all, ...all].toSorted())
    expect(bytes.flat()).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
    expect(details('track')).toEqual([{ n: 1 }])
  })

  it('has the digits that `JSON.rawJSON` gives a number, as they were when it was sent', async () => {
    const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown }
    // Node 20 has none.
    if (!rawJSON) return
    const channel = client.channel('room')
    await channel.ready
    const note = { n: rawJSON('12345678901234567890'), on: 1 }
    const all = [channel.broadcast('note', note), client.publish('room', 'note', note), channel.track(note)]
    note.on = 2
    await Promise.all(all)
    const texts = [...sent(), ...details('track')].map((payload) => JSON.stringify(payload))
    expect(texts).toEqual(Array(3).fill('{"n":12345678901234567890,"on":1}'))
    await channel.broadcast('note', rawJSON('1e400') as never)
    expect(JSON.stringify(details('send').at(-1))).toContain('"payload":1e400')
  })

  it('is an object also where its class has a tag of its own', async () => {
    class State {
      on = 1
      get [Symbol.toStringTag](): string {
        return 'State'
      }
    }
    const channel = client.channel('room')
    await channel.ready
    const state = new State()
    const all = [channel.broadcast('note', state), channel.track(state)]
    state.on = 2
    await Promise.all(all)
    expect([sent(), details('track')]).toEqual([[{ on: 1 }], [{ on: 1 }]])
    // It has its stamp, by which it is known when it comes twice.
    expect(details('send')).toMatchObject([{ payload: { _msc: { id: expect.any(String) } } }])
  })

  it('is no copy of bytes, which are never written as JSON', async () => {
    const bytes = Object.assign(new Uint8Array([1, 2]), { toJSON: vi.fn() })
    extra.sendBytes = async () => undefined
    const channel = client.channel('room')
    await channel.ready
    await channel.broadcast('move', bytes)
    expect(bytes.toJSON).not.toHaveBeenCalled()
  })

  it('is what `toJSON` makes of a value', async () => {
    const channel = client.channel('room')
    await channel.ready
    await channel.broadcast('note', new Date(0))
    await channel.broadcast('note', { toJSON: () => [1] })
    expect(sent()).toEqual(['1970-01-01T00:00:00.000Z', [1]])
  })

  it.each([
    ['nothing', undefined],
    ['a function', () => undefined],
    ['a symbol', Symbol('nothing')],
    ['what says that it is nothing', { toJSON: () => undefined }],
  ])('is not %s, which is refused', async (_what, payload) => {
    const channel = client.channel('room')
    await channel.ready
    const refusal = { code: 'REALTIME_PAYLOAD_INVALID', retryable: false }
    await expect(channel.broadcast('note', payload as never)).rejects.toMatchObject(refusal)
    await expect(client.publish('room', 'note', payload as never)).rejects.toMatchObject(refusal)
    await expect(channel.track(payload as never)).rejects.toMatchObject(refusal)
    expect(sent()).toEqual([])
    expect(details('track')).toEqual([])
  })

  it.each([
    ['a list', [1]],
    ['a text', 'text'],
    ['null', null],
    ['a Date', new Date(0)],
    ['a Map', new Map([['n', 1]])],
    ['a Set', new Set([1])],
    ['a promise', Promise.resolve({ n: 1 })],
    ['a RegExp', /n/],
  ])('is tracked only as an object, not as %s', async (_what, state) => {
    const channel = client.channel('room', { presenceKey: 'a' })
    await channel.ready
    await expect(channel.track(state as never)).rejects.toMatchObject({ code: 'REALTIME_PAYLOAD_INVALID' })
    expect(details('track')).toEqual([])
  })

  it('may be typed by an interface', () => {
    interface Note {
      readonly text: string
    }
    const note: Note = { text: 'a' }
    const channel = client.channel('room')
    expectTypeOf(channel.broadcast<'note'>).toBeCallableWith('note', note)
    expectTypeOf(channel.track).toBeCallableWith(note)
    expectTypeOf(client.publish).toBeCallableWith('room', 'note', note)
    expectTypeOf(client.publish).toBeCallableWith('room', 'note', null)
    const record: { readonly record: Note } = { record: note }
    expectTypeOf(client.publishChange).toBeCallableWith({ table: 't', ownerId: 'a', type: 'INSERT', ...record })
    const typed = client.channel('typed', { events: { said: z.string() } })
    expectTypeOf(typed.broadcast<'said'>).toBeCallableWith('said', 'hello')
    // @ts-expect-error -- A BigInt is no JSON.
    void (() => channel.broadcast('note', 1n))
    // @ts-expect-error -- Nothing is no JSON.
    void (() => channel.broadcast('note', undefined))
  })
})

describe('bytes', () => {
  it('go as bytes where the driver carries them', async () => {
    const bytes: unknown[] = []
    extra = { sendBytes: async (event, payload) => void bytes.push([event, payload]) }
    const channel = client.channel('room')
    const heard: unknown[] = []
    channel.on('sound', (payload) => heard.push(payload))
    await channel.ready
    await channel.broadcast('sound', new Uint8Array([1, 2]))
    fake.push('room', 'sound', new Uint8Array([3]))
    expect(bytes).toEqual([['sound', new Uint8Array([1, 2])]])
    expect(heard).toEqual([new Uint8Array([3])])
    expect(sent()).toEqual([])
  })

  it('are refused where it does not, and in a publication', async () => {
    const channel = client.channel('room')
    const refusal = { code: 'REALTIME_NO_BYTES', retryable: false, hint: expect.stringContaining('base64') }
    await expect(channel.broadcast('sound', new Uint8Array([1]))).rejects.toMatchObject(refusal)
    await expect(client.publish('room', 'sound', new Uint8Array([1]))).rejects.toMatchObject({
      code: 'REALTIME_PAYLOAD_INVALID',
    })
    expect(sent()).toEqual([])
  })
})

describe('a limit that the server told', () => {
  const tooLarge = { code: 'REALTIME_PAYLOAD_TOO_LARGE', retryable: false, hint: expect.stringContaining('200 bytes') }

  it('refuses a larger message before it is sent, in bytes and not in characters', async () => {
    extra = { limits: { messageBytes: 200 }, sendBytes: async () => undefined }
    const channel = client.channel('room')
    await channel.ready
    await channel.broadcast('note', 'x'.repeat(198))
    for (const payload of ['x'.repeat(199), 'Å'.repeat(100), { text: 'x'.repeat(200) }, new Uint8Array(201)])
      await expect(channel.broadcast('note', payload)).rejects.toMatchObject(tooLarge)
    expect(sent()).toEqual(['x'.repeat(198)])
  })

  it('refuses a larger state, and never says it: not at a join, not at a rejoin', async () => {
    extra = { limits: { presenceBytes: 200 } }
    const channel = client.channel('room', { presenceKey: 'a' })
    const errors: unknown[] = []
    channel.onError((error) => errors.push((error as { code?: string }).code))
    await expect(channel.track({ blob: 'x'.repeat(300_000) })).rejects.toMatchObject(tooLarge)
    fake.drop()
    await clock.advance(2000)
    expect(client.status).toBe('connected')
    expect(details('track')).toEqual([])
    expect(errors).toEqual(['REALTIME_PAYLOAD_TOO_LARGE'])
    await channel.track({ n: 1 })
    expect(details('track')).toEqual([{ n: 1 }])
  })
})

describe('a state that the server refuses', () => {
  const refuse = (retryable: boolean): void => {
    fake.override.track = () => {
      throw new DriverError('fake', 'No.', { code: 'REALTIME_REFUSED', retryable })
    }
  }

  it('for good is said once, and told once: to whoever tracks it, and where errors are told', async () => {
    refuse(false)
    const channel = client.channel('room', { presenceKey: 'a' })
    const errors: unknown[] = []
    channel.onError(({ message }) => errors.push(message))
    await expect(channel.track({ n: 1 })).rejects.toThrow('No.')
    for (let again = 0; again < 3; again++) {
      fake.drop()
      await clock.advance(2000)
    }
    expect(details('track')).toHaveLength(1)
    expect(errors).toEqual(['[fake] No.'])
    expect(client.status).toBe('connected')
  })

  it('for now is said again at the next join', async () => {
    refuse(true)
    const channel = client.channel('room', { presenceKey: 'a' })
    await expect(channel.track({ n: 1 })).rejects.toThrow('No.')
    delete fake.override.track
    fake.drop()
    await clock.advance(2000)
    expect(details('track').length).toBeGreaterThan(1)
  })
})

it('is the same as it was when it was tracked, though the application changes it afterwards', async () => {
  const channel = client.channel('room', { presenceKey: 'a' })
  const state = { n: 1 }
  await channel.track(state)
  state.n = 2
  fake.drop()
  await clock.advance(2000)
  await channel.track(state)
  expect(details('track')).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }])
})

it('refuses a client without options, or without a driver', () => {
  for (const options of [null, undefined, {}])
    expect(() => createRealtime(options as never)).toThrow(expect.objectContaining({ code: 'REALTIME_NO_DRIVER' }))
})

it('reports a token that the server refuses, with what it says', async () => {
  const told: string[] = []
  await client.close()
  fake.override.subscribe = () => {
    throw new DriverError('fake', 'Token has expired.', { code: 'REALTIME_TOKEN_REFUSED', retryable: true })
  }
  client = createRealtime({ driver: fake.driver, clock, onError: ({ message }) => told.push(message) })
  const channel = client.channel('room')
  channel.onError(({ message }) => told.push(message))
  await clock.advance(300)
  expect(new Set(told)).toEqual(new Set(['[fake] Token has expired.']))
  expect(await client.health()).toMatchObject({ status: 'degraded', detail: '[fake] Token has expired.' })
})

it('says when a channel is live, and when it is not', async () => {
  const channel = client.channel('room')
  const told: boolean[] = []
  channel.onReady((ready) => told.push(ready))
  await channel.ready
  expect(told).toEqual([true])
  fake.drop()
  expect(told.at(-1)).toBe(false)
  await clock.advance(2000)
  expect(told.at(-1)).toBe(true)
})
