import { DriverError } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import type { RealtimeBus } from '../../bus/bus.ts'
import { parseFrame } from '../../bus/frame.ts'
import { createSigning } from '../../bus/signing.ts'
import { createRuntime } from '../runtime.ts'
import { createPeers } from './peers.ts'
import { createSender } from './sender.ts'

const signing = createSigning('a-secret-for-tests-that-is-long-enough-0123')
type Answer = 'takes' | 'refuses' | 'hangs' | 'never'

function harness() {
  const clock = createManualClock()
  const reported: unknown[] = []
  const taken: string[] = []
  const state = { answer: 'takes' as Answer }
  const bus: RealtimeBus = {
    specificationVersion: 1,
    name: 'fake',
    start: async () => undefined,
    async send(text) {
      if (state.answer === 'hangs') {
        // It arrives, and its answer is lost.
        taken.push(text)
        return new Promise(() => undefined)
      }
      if (state.answer !== 'takes') {
        throw new DriverError('fake', 'away', { retryable: state.answer === 'refuses' })
      }
      taken.push(text)
    },
    health: async () => undefined,
    close: async () => undefined,
  }
  const sender = createSender(
    bus,
    'me',
    signing,
    createRuntime(clock, (error) => void reported.push(error)),
  )
  const peers = createPeers()
  /** What another server makes of all that arrived. */
  const heard = (): unknown[] =>
    taken.flatMap((text) => {
      const frame = parseFrame(text, { now: Number(text.split(' ')[4]), signing })
      if (typeof frame !== 'object') throw new Error('no frame')
      const { kind } = peers.arrive(frame, 0, true)
      if (kind === 'known') return []
      return [...(kind === 'missed' ? ['gap'] : []), ...frame.messages.map(({ n }) => n)]
    })
  const say = (n: number, kept = false): void => sender.send(JSON.stringify({ n }), kept)
  return { clock, reported, taken, state, sender, heard, say }
}

it('sends what is said in one turn of the loop together, in order', async () => {
  const { clock, say, taken, heard } = harness()
  for (let n = 0; n < 100; n++) say(n)
  await clock.advance(0)
  expect(taken.length).toBe(1)
  expect(heard()).toEqual(Array.from({ length: 100 }, (_, n) => n))
})

it('is heard once of what arrived although its answer was lost', async () => {
  const { clock, say, state, heard, taken } = harness()
  say(1)
  await clock.advance(0)
  state.answer = 'hangs'
  say(2)
  await clock.advance(2500)
  say(3)
  state.answer = 'takes'
  await clock.advance(5000)
  expect(taken.length).toBeGreaterThan(3)
  expect(heard()).toEqual([1, 2, 3])
})

it('drops what nobody wants to hear any more, keeps what has to be done, and leaves a number out', async () => {
  const { clock, say, state, heard, sender, reported } = harness()
  say(1)
  await clock.advance(0)
  state.answer = 'refuses'
  say(2)
  await clock.advance(0)
  say(3)
  say(4, true)
  for (let second = 0; second < 60; second++) await clock.advance(1000)
  state.answer = 'takes'
  await clock.advance(2000)
  say(5)
  await clock.advance(0)
  expect(heard()).toEqual([1, 'gap', 4, 5])
  expect(sender.stats).toMatchObject({ dropped: 2, waiting: 0, failing: false })
  expect(reported.length).toBe(1)
})

it('keeps no more than its bound while the bus is away, and says what it dropped', async () => {
  const { clock, state, sender } = harness()
  state.answer = 'refuses'
  const large = JSON.stringify({ n: 'x'.repeat(1024 * 1024) })
  for (let n = 0; n < 20; n++) sender.send(large)
  await clock.advance(0)
  expect(sender.stats.waiting).toBeLessThan(8)
  expect(sender.stats.dropped).toBeGreaterThan(11)
  for (let n = 0; n < 30_000; n++) sender.send('{}')
  expect(sender.stats.waiting).toBeLessThanOrEqual(20_000)
})

it('gives up at once what can never be sent, and goes on', async () => {
  const { clock, say, state, heard, sender } = harness()
  say(1)
  await clock.advance(0)
  state.answer = 'never'
  say(2, true)
  await clock.advance(0)
  state.answer = 'takes'
  say(3)
  await clock.advance(0)
  expect(heard()).toEqual([1, 'gap', 3])
  expect(sender.stats.dropped).toBe(1)
})

it('says goodbye within a second, whether or not the bus answers', async () => {
  for (const answer of ['takes', 'refuses', 'hangs'] as const) {
    const { clock, state, sender, say } = harness()
    state.answer = answer
    say(1)
    let closed = false
    void sender.close('{"n":"bye"}').then(() => (closed = true))
    await clock.advance(1000)
    expect(closed).toBe(true)
    expect(clock.pending).toBe(0)
    say(2)
    await clock.advance(5000)
    expect(sender.stats.waiting).toBeLessThanOrEqual(2)
  }
})

it('tells whether something is missing by the numbers alone', () => {
  const peers = createPeers()
  const arrive = (from: string, number: number, settled = true, isPublisher = false): string =>
    peers.arrive({ from, number, at: 0, isPublisher, messages: [] }, 0, settled).kind
  expect(arrive('a', 7, false)).toBe('new')
  expect(['next', 'known', 'known', 'missed', 'next']).toEqual([8, 8, 3, 10, 11].map((n) => arrive('a', n)))
  // It was silent for long, and comes back.
  peers.forget('a')
  expect([11, 12].map((n) => arrive('a', n))).toEqual(['known', 'new'])
  peers.forget('a')
  expect(arrive('a', 14)).toBe('missed')
  // What was first heard of late had said something before; a process that only publishes may have said it long ago.
  expect([arrive('b', 1), arrive('c', 2), arrive('d', 2, true, true)]).toEqual(['new', 'missed', 'new'])
  expect(peers.size).toBe(4)
})
