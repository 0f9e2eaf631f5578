import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Position } from '../../feed/position.ts'
import { createMemoryStore } from './memory-store.ts'
import type { HistoryStore } from './store.ts'

const report = (error: unknown): never => {
  throw error
}
const KEEPING = { messages: 1000, keepMs: 60_000 }
const say = (store: HistoryStore, topic: string, payload = '1', keeping = KEEPING) =>
  store.append([{ topic, private: false, event: 'note', payload, keeping }])

describe('a history in memory', () => {
  it('forgets the topic that was silent for longest when all are too much, and says so', async () => {
    const store = createMemoryStore({ clock: createManualClock(), report, maxTopics: 2 })
    const { cursor } = await store.since('a', false, undefined, 10)
    await say(store, 'a')
    await say(store, 'b')
    expect(await store.since('a', false, cursor, 10)).toMatchObject({ gap: false, events: [{ json: '1' }] })
    await say(store, 'c')
    expect(await store.since('a', false, cursor, 10)).toMatchObject({ gap: true, events: [] })
    expect(await store.since('b', false, cursor, 10)).toMatchObject({ gap: false, events: [{ json: '1' }] })
    const now = await store.since('a', false, undefined, 10)
    await say(store, 'a')
    expect(await store.since('a', false, now.cursor, 10)).toMatchObject({ gap: false, events: [{ json: '1' }] })
    store.close()
  })

  it('forgets what is older than it is kept for, or more than so many, and says so', async () => {
    const clock = createManualClock()
    const store = createMemoryStore({ clock, report })
    const { cursor } = await store.since('a', false, undefined, 10)
    await say(store, 'a')
    const after = await store.since('a', false, cursor, 10)
    await clock.advance(60_001)
    expect(await store.since('a', false, cursor, 10)).toMatchObject({ gap: true })
    expect(await store.since('a', false, after.cursor, 10)).toMatchObject({ gap: false, events: [] })
    for (let n = 0; n < 3; n++) await say(store, 'a', `${n}`, { messages: 2, keepMs: 60_000 })
    expect(await store.since('a', false, after.cursor, 10)).toMatchObject({ gap: true })
    const { events, more } = await store.latest('a', false, { max: 10, sinceMs: 0, newest: 10 })
    expect([events.map(({ json }) => json), more]).toEqual([['1', '2'], false])
    store.close()
  })

  it('hands on each message once, or tells a gap, wherever a listener was and however it pages', async () => {
    const step = fc.record({
      topic: fc.constantFrom('a', 'b'),
      count: fc.integer({ min: 0, max: 4 }),
      lost: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 6 }),
        async (steps, page, messages) => {
          const store = createMemoryStore({ clock: createManualClock(), report })
          const said: number[] = []
          const heard: number[] = []
          let gaps = 0
          let position = Position.of((await store.since('a', false, undefined, page)).cursor)
          let number = 0
          for (const { topic, count, lost } of steps) {
            for (let n = 0; n < count; n++) {
              number += 1
              const [meta] = await say(store, topic, `${number}`, { messages, keepMs: 60_000 })
              if (topic === 'a') said.push(number)
              const taken = meta && 'cursor' in meta && !lost && topic === 'a' ? position?.take(meta.cursor) : 'known'
              if (taken === 'new') heard.push(number)
            }
            if (!lost) continue
            let cursor: string | undefined = String(position)
            for (let more = true; more;) {
              const found = await store.since('a', false, cursor, page)
              if (found.gap) gaps += 1
              heard.push(...found.events.map(({ json }) => Number(json)))
              cursor = found.cursor
              more = found.more
            }
            position = Position.of(cursor)
          }
          store.close()
          expect(heard).toEqual([...new Set(heard)].toSorted((a, b) => a - b))
          const missing = said.filter((each) => !heard.includes(each))
          // The last step may have been lost without a resumption only where nothing is `lost`: then nothing is missing.
          if (gaps === 0) expect(missing).toEqual([])
        },
      ),
    )
  })
})

it('has what another server did wait for the message that it was done to, and a while later for none', async () => {
  const clock = createManualClock(Date.now())
  const told: unknown[] = []
  const own = createMemoryStore({ clock, report: () => undefined, onAction: (_action, meta) => told.push(meta.id) })
  const at = new Date(clock.now()).toISOString()
  const action = (id: string, target: string, version: number) => ({
    topic: 'room',
    private: false,
    keeping: { messages: 10, keepMs: 60_000 },
    value: '{"n":2}',
    said: {
      id,
      at,
      action: 'update' as const,
      target,
      event: 'note',
      version: `${String(version).padStart(16, '0')}.00000000000000ff`,
    },
  })
  expect(own.hear?.(action('a2', 'theirs', 2))).toBeUndefined()
  expect(own.hear?.(action('a1', 'theirs', 1))).toBeUndefined()
  expect(own.hear?.(action('a3', 'never', 3))).toBeUndefined()
  const message = {
    topic: 'room',
    private: false,
    event: 'note',
    payload: '{"n":1}',
    keeping: { messages: 10, keepMs: 60_000 },
  }
  own.append([{ ...message, said: { id: 'theirs', at } }])
  own.settle?.('theirs')
  // Of two edits the later one counts, whichever comes first.
  expect(told).toEqual(['a2'])
  const { events } = await own.latest('room', false, { max: 10, sinceMs: 0, newest: 10 })
  expect(events).toMatchObject([
    { json: '{"n":2}', meta: { id: 'theirs', version: expect.stringMatching(/2\.0{14}ff$/) } },
  ])
  await clock.advance(10_000)
  expect(told).toEqual(['a2', 'a3'])
  // What is done here comes after all that was heard.
  const acted = await own.act({ ...message, target: 'theirs', action: 'update', value: '{"n":3}' })
  expect(String(acted.meta?.version) > `${'0'.repeat(15)}3.`).toBe(true)
  own.close()
})
