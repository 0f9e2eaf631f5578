import { DriverError, type StandardSchema } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createRealtime, type ChannelOptions, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'

const EPOCH = '0af76519-16cd-43dd-8448-eb211c80319c'
/** Where a history is that has `n - 1` messages. */
const at = (n: number): string => `${EPOCH}:${n}:${n}:`
const metaOf = (n: number) => ({ id: `m${n}`, at: new Date(0).toISOString(), cursor: `${at(n)}+${n}.${n}` })

let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
/** The last message that the server has: each carries its number. */
let last: number
/** Answers of the history wait for it, and are of the moment at which they were asked for. */
let reading: Promise<void> | undefined

// What is loaded late is there, or the clock would go ahead of it.
beforeAll(async () => {
  await Promise.all([import('./user.ts'), import('./sending.ts'), import('../feed/feed-code.ts')])
})
beforeEach(() => {
  last = 0
  reading = undefined
  fake = createFakeRealtime()
  clock = createManualClock(Date.now())
  client = createRealtime({ driver: fake.driver, clock, random: () => 0.5, onError: () => undefined })
  fake.override.since = async (topic, after, latest) => {
    const all = Array.from({ length: last }, (_, index) => index + 1)
    const [snapshot = '', heard = ''] = (after ?? at(last + 1)).slice(EPOCH.length + 1).split('+')
    const from = Number(snapshot.split(':')[0])
    const known = heard.split(',').map((each) => Number(each.split('.')[0]))
    const wanted = latest ? all.slice(-(latest.limit ?? 100)) : all.filter((n) => n >= from && !known.includes(n))
    const page = { events: wanted.map((n) => message(topic, n)), cursor: at(last + 1), gap: false, more: false }
    await reading
    return page
  }
})
afterEach(() => client.close())

/** As a feed has it, whose rows say in their stamp where they are; or a channel, where the server says it beside them. */
function message(topic: string, n: number): { event: string; payload: Record<string, unknown>; meta?: never } {
  if (!topic.startsWith('feed:')) return { event: 'note', payload: { n }, meta: metaOf(n) as never }
  return { event: 'note', payload: { n, _msc: { id: `m${n}`, cursor: metaOf(n).cursor } } }
}
const spend = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 100) await clock.advance(100)
}
const say = (topic: string, ...numbers: number[]): void => {
  for (const n of numbers) {
    last = Math.max(last, n)
    const { event, payload, meta } = message(topic, n)
    fake.push(topic, event, payload, meta)
  }
}
/** What a channel hears from now on, and whether it is told that something is missing. */
function listen(
  topic: string,
  options: ChannelOptions,
): { readonly heard: unknown[]; readonly channel: ReturnType<Realtime['channel']> } {
  const heard: unknown[] = []
  const channel = client.channel(topic, options)
  channel.on('note', ({ n }) => heard.push(n))
  channel.onGap(() => heard.push('gap'))
  return { heard, channel }
}

describe.each([[{ rewind: 10 }], [{ from: at(1) }]])('a channel with %j', (options) => {
  it('that is opened in a handler, while its topic catches up, hears each once', async () => {
    const first = listen('room', { history: true })
    await spend(200)
    fake.drop()
    last = 4
    let second: ReturnType<typeof listen> | undefined
    first.channel.on('note', () => void (second ??= listen('room', options)))
    await spend(3000)
    expect(first.heard).toEqual([1, 2, 3, 4])
    expect(second?.heard).toEqual([1, 2, 3, 4])
  })

  it('that is opened in a handler, while several come at a time, hears each once', async () => {
    const first = listen('room', { history: true })
    await spend(200)
    let second: ReturnType<typeof listen> | undefined
    first.channel.on('note', () => void (second ??= listen('room', options)))
    say('room', 1, 2, 3)
    await spend(1000)
    expect(second?.heard).toEqual([1, 2, 3])
  })

  it('that is opened while a plain one of its topic is being joined, hears each once', async () => {
    let joined = (): void => {}
    let tracked = (): void => {}
    fake.override.subscribe = () => new Promise<void>((resolve) => (joined = resolve))
    fake.override.track = () => new Promise<void>((resolve) => (tracked = resolve))
    const plain = client.channel('room', { presenceKey: 'me' })
    plain.track({ here: true }).catch(() => undefined)
    await spend(200)
    const { heard } = listen('room', options)
    await spend(100)
    delete fake.override.subscribe
    joined()
    await spend(100)
    say('room', 1, 2)
    await spend(100)
    delete fake.override.track
    tracked()
    await spend(3000)
    say('room', 3)
    // What the plain one has missed is told to all of its topic.
    expect(heard).toEqual(['gap', 1, 2, 3])
  })
})

it('a channel with a history that is opened in a handler hears what comes after that message', async () => {
  const first = listen('room', { history: true })
  await spend(200)
  let second: ReturnType<typeof listen> | undefined
  first.channel.on('note', () => void (second ??= listen('room', { history: true })))
  say('room', 1, 2, 3)
  await spend(100)
  expect(second?.heard).toEqual([2, 3])
})

it.each(['room', 'feed:items:x'])(
  'what comes behind a message that is too large to be told live does not pass it, while %s catches up',
  async (topic) => {
    const isFeed = topic.startsWith('feed:')
    const { heard } = listen(topic, { history: true, private: isFeed })
    await spend(200)
    say(topic, 1)
    fake.drop()
    let answer = (): void => {}
    reading = new Promise((resolve) => (answer = resolve))
    await spend(1500)
    // The page is under way that has neither.
    last = 2
    fake.push(topic, 'note', isFeed ? { _msc: { more: true } } : {}, isFeed ? undefined : { more: true })
    say(topic, 3)
    await spend(100)
    reading = undefined
    answer()
    await spend(5000)
    expect(heard).toEqual([1, 2, 3])
  },
)

describe('a channel with schemas', () => {
  let read = (): void => {}
  const slow: StandardSchema<{ n: number }, { n: number }> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      async validate(value) {
        await new Promise<void>((resolve) => (read = resolve))
        return { value: value as { n: number } }
      },
    },
  }

  it('that is opened while its topic is joined again is where the first of a page was, while the others are read', async () => {
    listen('room', { history: true })
    await spend(200)
    fake.drop()
    await spend(100)
    const typed = listen('room', { history: true, events: { note: slow } } as ChannelOptions)
    last = 3
    await spend(3000)
    let from: string | undefined
    typed.channel.on('note', () => {
      from = typed.channel.position
      typed.channel.leave()
    })
    read()
    await spend(100)
    const next = listen('room', { from: from as string })
    await spend(3000)
    expect([typed.heard, next.heard]).toEqual([[1], [2, 3]])
  })

  it('that begins with the latest of none says where it is while its first message is read, and is gone on from there', async () => {
    const other = listen('room', { history: true })
    const first = listen('room', { rewind: 10, events: { note: slow } } as ChannelOptions)
    await spend(300)
    expect(first.channel.position).toBe(at(1))
    say('room', 1)
    await spend(100)
    expect(first.channel.position).toBe(at(1))
    const from = first.channel.position as string
    first.channel.leave()
    const next = listen('room', { from })
    read()
    await spend(1000)
    expect([first.heard, next.heard, other.heard]).toEqual([[], [1], [1]])
  })
})

it('an end of a history that is replaced while a beginning is read is told once, with a gap', async () => {
  const other = EPOCH.replace('0af7', '1af7')
  const first = listen('room', { history: true })
  await spend(200)
  let answer = (): void => {}
  const paged = new Promise<void>((resolve) => (answer = resolve))
  fake.override.since = async (_topic, after) => {
    if (after === at(1)) return { events: [message('room', 1)], cursor: at(2), gap: false, more: true }
    await paged
    return { events: [], cursor: `${other}:9:9:`, gap: true, more: false }
  }
  const { heard } = listen('room', { from: at(1) })
  await spend(100)
  say('room', 1)
  answer()
  await spend(100)
  expect(heard).toEqual([1, 'gap'])
  expect(first.heard).toEqual([1])
})

it('a beginning of which two pages have a gap tells what comes meanwhile once', async () => {
  listen('room', { history: true })
  await spend(200)
  let answer = (): void => {}
  const held = new Promise<void>((resolve) => (answer = resolve))
  fake.override.since = async (_topic, after) => {
    // What was kept too long ago is told no more, whichever page it is on.
    if (after === at(1)) return { events: [], cursor: at(2), gap: true, more: true }
    if (after === at(2)) return { events: [message('room', 2)], cursor: at(3), gap: true, more: true }
    await held
    return { events: [message('room', 3)], cursor: at(4), gap: false, more: false }
  }
  const { heard } = listen('room', { from: at(1) })
  await spend(100)
  say('room', 3)
  answer()
  await spend(100)
  expect(heard).toEqual([2, 3, 'gap'])
})

it('a gap that is read before the connection is lost again is told, and a position is before it until then', async () => {
  const { heard, channel } = listen('room', { history: true })
  await spend(200)
  const before = channel.position as string
  expect(before).toBe(at(1))
  let fails = true
  fake.override.since = async (_topic, after) => {
    if (after === at(1)) return { events: [message('room', 2)], cursor: at(3), gap: true, more: true }
    if (fails) throw new DriverError('fake', 'lost', { retryable: true })
    return { events: [message('room', 3)], cursor: at(4), gap: false, more: false }
  }
  fake.drop()
  await spend(2000)
  expect(heard).toEqual([2])
  // Whoever goes on from there is told it too.
  expect(channel.position).toBe(before)
  fails = false
  let told: string | undefined
  channel.onGap(() => (told = channel.position))
  await spend(60_000)
  expect(heard).toEqual([2, 3, 'gap'])
  expect([told, channel.position]).toEqual([at(4), at(4)])
})

it('who leaves after a message that came before a beginning could be read hears neither it again nor less than the rest', async () => {
  const answers = fake.override.since
  fake.override.since = (topic, after, latest) => {
    if (after === undefined) return answers?.(topic, after, latest)
    throw new DriverError('fake', 'busy', { retryable: true })
  }
  await spend(100)
  const first = listen('room', { from: at(1) })
  last = 1
  await spend(300)
  say('room', 2)
  let from: string | undefined
  first.channel.on('note', () => {
    from = first.channel.position
    first.channel.leave()
  })
  await spend(120_000)
  expect(first.heard).toEqual([2])
  fake.override.since = answers as NonNullable<typeof answers>
  const next = listen('room', { from: from as string })
  await spend(3000)
  expect(next.heard).toEqual([1])
})

it('what is sent by a channel that was left is refused, though others of its topic stay', async () => {
  let join = (): void => {}
  fake.override.subscribe = () => new Promise<void>((resolve) => (join = resolve))
  const { channel } = listen('room', {})
  listen('room', {})
  const sent = channel.broadcast('note', { n: 1 }).then(
    () => 'sent',
    (error: { readonly code?: string }) => error.code,
  )
  channel.leave()
  await spend(100)
  join()
  await spend(100)
  expect(await sent).toBe('REALTIME_LEFT')
  expect(fake.received.filter(({ what }) => what === 'send')).toEqual([])
})
