import { describe, expect, it } from 'vitest'
import { createManualClock } from '../manual-clock.ts'
import { runDeliveryChaos } from './chaos.ts'
import type { ChaosItem } from './chaos-item.ts'
import { createChaosSink } from './chaos-sink.ts'
import { createRandom } from './random.ts'
import { createVirtualTime } from './virtual-time.ts'

describe('an outbox under chaos', () => {
  it('accounts for each item at every instant, and loses no item that could be delivered', async () => {
    const seed = Number(process.env['MSC_CHAOS_SEED'] ?? Date.now() % 1_000_000_000)
    console.info(`npm run chaos -- delivery --scripts 150 --seed ${seed}`)
    const { broken, pushed, delivered } = await runDeliveryChaos({ scripts: 150, seed })
    expect(broken).toEqual([])
    // The scripts would prove nothing if hardly any items were delivered.
    expect(delivered).toBeGreaterThan(pushed / 10)
  })

  it('sends no empty batch when a late answer limits what was about to be sent', async () => {
    expect((await runDeliveryChaos({ scripts: 1, seed: 727_389_286 })).broken).toEqual([])
  })

  it('is the same for the same seed', async () => {
    const [first, second] = [
      await runDeliveryChaos({ scripts: 5, seed: 7 }),
      await runDeliveryChaos({ scripts: 5, seed: 7 }),
    ]
    expect(first).toEqual(second)
  })
})

describe('the chaos sink', () => {
  const item = (id: string, more: Partial<ChaosItem> = {}): ChaosItem => ({ id, kind: 'log', bytes: 10, ...more })
  const setUp = (maxBatchBytes = 25) => {
    const clock = createManualClock()
    const sink = createChaosSink({ random: createRandom(1), clock, maxBatchBytes })
    const send = async (...batch: ChaosItem[]) => {
      const answer = sink.send(batch, { signal: new AbortController().signal, urgency: 'background' })
      const outcome = answer.catch((error: unknown) => error)
      await clock.advance(10)
      return outcome
    }
    return { sink, send }
  }

  it('accepts what it can and records it', async () => {
    const { sink, send } = setUp()
    expect(await send(item('a'), item('b', { poison: 'receipt' }))).toMatchObject({ rejected: [{ id: 'b' }] })
    expect(await send(item('c', { poison: 'batch' }))).toMatchObject({ code: 'DRIVER_REFUSED', refuses: 'content' })
    expect(await send(item('d'), item('e'), item('f'))).toMatchObject({ code: 'DRIVER_TOO_LARGE' })
    expect(Object.fromEntries(sink.taken)).toEqual({ a: 1 })
  })

  it('notices two deliveries at once and an item twice', () => {
    const { sink } = setUp()
    const context = { signal: new AbortController().signal, urgency: 'background' } as const
    void sink.send([item('a'), item('a')], context)
    void sink.send([item('b')], context)
    expect(sink.violations).toEqual(['an item twice in a batch', 'two deliveries at once'])
  })
})

it('fires virtual timers in order, and throws when they never come to rest', async () => {
  const fired: string[] = []
  const time = createVirtualTime()
  time.setTimeout(() => fired.push('late'), 20)
  time.setTimeout(() => fired.push('early'), 10)
  time.setTimeout(() => fired.push('cancelled'), 15)()
  expect(time.nextIn).toBe(10)
  await time.advance(20)
  expect(fired).toEqual(['early', 'late'])
  const again = (): void => void time.setTimeout(again, 0)
  again()
  await expect(time.advance(1)).rejects.toThrow('never come to rest')
})
