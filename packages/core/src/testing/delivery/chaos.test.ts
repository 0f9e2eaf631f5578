import { describe, expect, it } from 'vitest'
import { createManualClock } from '../manual-clock.ts'
import { runDeliveryChaos } from './chaos.ts'
import { createChaosSink, type ChaosItem } from './chaos-sink.ts'
import { createRandom } from './random.ts'
import { createVirtualTime } from './virtual-time.ts'

describe('an outbox under chaos', () => {
  it('accounts for each item at every instant, and loses nothing that could be delivered', async () => {
    const seed = Number(process.env['MSC_CHAOS_SEED'] ?? Date.now() % 1_000_000_000)
    console.info(`npm run chaos -- delivery --scripts 150 --seed ${seed}`)
    const { broken, pushed, delivered } = await runDeliveryChaos({ scripts: 150, seed })
    expect(broken).toEqual([])
    // It would prove nothing if hardly anything had been delivered.
    expect(delivered).toBeGreaterThan(pushed / 10)
  })

  it('is the same for the same seed', async () => {
    const [first, second] = [
      await runDeliveryChaos({ scripts: 5, seed: 7 }),
      await runDeliveryChaos({ scripts: 5, seed: 7 }),
    ]
    expect(first).toEqual(second)
  })
})

describe('the sink of the chaos', () => {
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

  it('takes what it can, and remembers it', async () => {
    const { sink, send } = setUp()
    expect(await send(item('a'), item('b', { poison: 'receipt' }))).toMatchObject({ rejected: [{ id: 'b' }] })
    expect(await send(item('c', { poison: 'batch' }))).toMatchObject({ code: 'DRIVER_REFUSED', refuses: 'content' })
    expect(await send(item('d'), item('e'), item('f'))).toMatchObject({ code: 'DRIVER_TOO_LARGE' })
    expect(Object.fromEntries(sink.taken)).toEqual({ a: 1 })
  })

  it('notices two deliveries at once, and an item twice', () => {
    const { sink } = setUp()
    const context = { signal: new AbortController().signal, urgency: 'background' } as const
    void sink.send([item('a'), item('a')], context)
    void sink.send([item('b')], context)
    expect(sink.violations).toEqual(['an item twice in a batch', 'two deliveries at once'])
  })
})

it('fires virtual timers in order, and ends when they never come to rest', async () => {
  const heard: string[] = []
  const time = createVirtualTime()
  time.setTimeout(() => heard.push('late'), 20)
  time.setTimeout(() => heard.push('early'), 10)
  time.setTimeout(() => heard.push('cancelled'), 15)()
  expect(time.nextIn).toBe(10)
  await time.advance(20)
  expect(heard).toEqual(['early', 'late'])
  const again = (): void => void time.setTimeout(again, 0)
  again()
  await expect(time.advance(1)).rejects.toThrow('never come to rest')
})
