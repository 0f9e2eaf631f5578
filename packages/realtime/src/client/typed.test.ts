import { currentContext, onTelemetry, setErrorReporter, withCarrier } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterEach, beforeEach, expect, expectTypeOf, it, vi } from 'vitest'
import { z } from 'zod'
import { deferred } from '../base/promises.ts'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'

const events = {
  played: z.object({ track: z.string(), at: z.coerce.date() }),
  // Takes its time.
  rated: z.object({ stars: z.number() }).refine(async ({ stars }) => stars <= 5, 'at most five'),
}
let fake: FakeRealtime
let client: Realtime
beforeEach(() => {
  fake = createFakeRealtime()
  client = createRealtime({ driver: fake.driver, clock: createManualClock(Date.now()) })
})
afterEach(async () => {
  vi.restoreAllMocks()
  await client.close()
})

it('hands on what is valid, as the schema reads it, in order, in the trace of who sent it', async () => {
  const channel = client.channel('room', { events })
  await channel.ready
  const heard: unknown[] = []
  channel.on('rated', ({ stars }) => heard.push(['rated', stars, currentContext()?.trace.traceId]))
  channel.on('played', (payload) => {
    expectTypeOf(payload).toEqualTypeOf<{ track: string; at: Date }>()
    heard.push(['played', payload.track, payload.at.getTime()])
  })
  channel.on('*', (payload, event) => {
    expectTypeOf(payload).toEqualTypeOf<{ track: string; at: Date } | { stars: number }>()
    heard.push(['*', event])
  })
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  withCarrier({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` }, () => fake.push('room', 'rated', { stars: 5 }))
  fake.push('room', 'played', { track: 'a', at: '2026-11-23T00:00:00Z' })
  await vi.waitFor(() => expect(heard).toHaveLength(4), { timeout: 10_000 })
  expect(heard).toEqual([
    ['rated', 5, traceId],
    ['*', 'rated'],
    ['played', 'a', Date.UTC(2026, 10, 23)],
    ['*', 'played'],
  ])
})

it('sends in the order of the calls, also where one is read for longer or is not valid', async () => {
  const gates = Array.from({ length: 4 }, () => deferred<boolean>())
  const slow = { note: z.object({ n: z.number() }).refine(({ n }) => gates[n]?.promise) }
  const channel = client.channel('room', { events: slow })
  await channel.ready
  const sending = [0, 1, 2, 3].map((n) => channel.broadcast('note', { n }))
  const outcomes = Promise.allSettled(sending)
  gates[3]?.resolve(true)
  gates[1]?.resolve(false)
  await expect(sending[1]).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  gates[2]?.resolve(true)
  await Promise.resolve()
  const sent = (): unknown[] =>
    fake.received.flatMap(({ what, detail }) =>
      what === 'send' ? [(detail as { payload: { n: number } }).payload.n] : [],
    )
  expect(sent()).toEqual([])
  gates[0]?.resolve(true)
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(sent()).toEqual([0, 2, 3])
})

it('takes a handler without schemas at its word', async () => {
  interface Note {
    readonly text: string
  }
  const channel = client.channel('room')
  await channel.ready
  const heard: string[] = []
  channel.on('note', (note: Note) => heard.push(note.text))
  channel.on('note', (payload) => expectTypeOf(payload).toEqualTypeOf<Readonly<Record<string, unknown>>>())
  // @ts-expect-error with schemas it is what they say
  client.channel('typed', { events }).on('rated', (note: Note) => heard.push(note.text))
  fake.push('room', 'note', { text: 'hello' })
  expect(heard).toEqual(['hello'])
})

it('drops what is not valid, counts it, and says so without its values', async () => {
  const said: string[] = []
  const restore = setErrorReporter((error, { topic }) => said.push(`${String(topic)}: ${error.message}`))
  const dropped: unknown[] = []
  const stop = onTelemetry((event) => event.name === 'driver.drop' && dropped.push(event.attributes))
  const channel = client.channel('room', { events })
  await channel.ready
  const heard: unknown[] = []
  channel.on('rated', ({ stars }) => heard.push(stars))
  for (const payload of [{ stars: 6 }, { stars: 'secret' }, {}, { stars: 1 }]) fake.push('room', 'rated', payload)
  await vi.waitFor(() => expect(heard).toEqual([1]), { timeout: 10_000 })
  stop()
  expect(dropped).toHaveLength(3)
  restore()
  expect(said.join()).toMatch(/room: Event rated is not valid: at most five/)
  expect(said.join()).not.toContain('secret')
})

it('sends nothing that is not valid, and nothing that is unknown', async () => {
  const channel = client.channel('room', { events })
  await channel.ready
  await expect(channel.broadcast('rated', { stars: 9 })).rejects.toMatchObject({ name: 'ValidationError' })
  // @ts-expect-error -- stars are numbers
  await expect(channel.broadcast('rated', { stars: '1' })).rejects.toMatchObject({ name: 'ValidationError' })
  // @ts-expect-error -- there is no such event
  await expect(channel.broadcast('stopped', {})).rejects.toMatchObject({
    code: 'REALTIME_EVENT_UNKNOWN',
    message: expect.stringContaining('only played, rated'),
  })
  // @ts-expect-error -- there is no such event
  expect(() => channel.on('stopped', () => {})).toThrow(/no event stopped, only played, rated/)
  await channel.broadcast('played', { track: 'a', at: '2026-11-23' })
  expect(fake.received.filter(({ what }) => what === 'send')).toHaveLength(1)
})
