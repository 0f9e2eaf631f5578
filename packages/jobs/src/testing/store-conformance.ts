import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobStore, NewRun } from '../store.ts'

/** What every store of the embedded engine promises. */
export function testJobStore(
  name: string,
  setUp: () => Promise<{ store: JobStore; close: () => Promise<void> }>,
): void {
  describe(`job store: ${name}`, () => {
    let store: JobStore
    let close: () => Promise<void>
    beforeEach(async () => {
      ;({ store, close } = await setUp())
    })
    afterEach(() => close())
    const run = (id: string, createdAt = 1000): NewRun => ({
      id,
      job: 'job',
      event: { id: `e-${id}`, name: 'test/go', data: { title: 'Å 🎵', n: [1, null] }, ts: createdAt },
      carrier: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', userId: 'u' },
      createdAt,
    })
    const claimOne = async (now = 1000, leaseMs = 100) => (await store.claim('host/1/a', now, leaseMs, 1))[0]

    it('gives back what was queued, oldest first, and an id only once', async () => {
      await store.enqueue([run('b', 2000), run('a', 1000), run('a', 1000)])
      const claimed = await store.claim('host/1/a', 3000, 100, 10)
      expect(claimed.map((each) => each.run.id)).toEqual(['a', 'b'])
      expect(claimed[0]?.run).toMatchObject({ ...run('a'), status: 'running', attempt: 0 })
      expect(await store.claim('host/2/b', 3000, 100, 10)).toEqual([])
    })

    it('gives a run to another when its lease ends, and fences the first', async () => {
      await store.enqueue([run('a')])
      const first = await claimOne()
      const second = await claimOne(1100)
      expect(second?.run.id).toBe('a')
      const step = { key: 's', seq: 0, status: 'completed', attempts: 1, startedAt: 1000, output: 1 } as const
      expect(await store.saveStep('a', first?.token as string, step)).toBe(false)
      expect(await store.renew('a', first?.token as string, 9000)).toBe(false)
      expect(await store.park('a', first?.token as string, { wakeAt: 0, attempt: 9 })).toBe(false)
      expect(await store.end('a', first?.token as string, { status: 'completed', result: 1 }, 1200)).toBe(false)
      expect(await store.saveStep('a', second?.token as string, step)).toBe(true)
    })

    it('keeps a renewed run', async () => {
      await store.enqueue([run('a')])
      const claimed = await claimOne()
      expect(await store.renew('a', claimed?.token as string, 5000)).toBe(true)
      expect(await claimOne(4999)).toBeUndefined()
      expect((await claimOne(5000))?.run.id).toBe('a')
    })

    it('keeps steps, and parks until the time named', async () => {
      await store.enqueue([run('a')])
      const claimed = await claimOne()
      const token = claimed?.token as string
      const steps = [
        {
          key: 'one',
          seq: 0,
          status: 'completed',
          attempts: 1,
          startedAt: 1000,
          endedAt: 1001,
          output: { a: [null, 'Å'] },
        },
        {
          key: 'two',
          seq: 1,
          status: 'retrying',
          attempts: 1,
          startedAt: 1002,
          error: { name: 'Error', message: 'x' },
          wakeAt: 2000,
        },
      ] as const
      for (const step of steps) await store.saveStep('a', token, step)
      await store.saveStep('a', token, { ...steps[1], attempts: 2 })
      await store.park('a', token, { wakeAt: 2000, attempt: 1 })
      expect(await store.nextDue()).toBe(2000)
      expect(await claimOne(1999)).toBeUndefined()
      const again = await claimOne(2000)
      expect(again?.run.attempt).toBe(1)
      expect(again?.steps).toEqual([steps[0], { ...steps[1], attempts: 2 }])
    })

    it('ends a run once, with its result or its error, and counts', async () => {
      await store.enqueue([run('a'), run('b'), run('c')])
      const a = await claimOne()
      const b = await claimOne()
      expect(await store.end('a', a?.token as string, { status: 'completed', result: { ok: true } }, 1500)).toBe(true)
      expect(await store.end('a', a?.token as string, { status: 'completed', result: 2 }, 1600)).toBe(false)
      await store.markFailing('b', b?.token as string, { name: 'E', message: 'm' })
      expect((await store.get('b'))?.run.failure).toEqual({ name: 'E', message: 'm' })
      await store.end('b', b?.token as string, { status: 'failed', error: { name: 'E', message: 'm' } }, 1500)
      expect((await store.get('a'))?.run).toMatchObject({ status: 'completed', result: { ok: true }, endedAt: 1500 })
      expect(await store.counts()).toEqual({ queued: 1, running: 0, waiting: 0, completed: 1, failed: 1, cancelled: 0 })
      expect((await store.list({ status: 'failed' })).map(({ id }) => id)).toEqual(['b'])
    })

    it('cancels what has not ended, and fences its worker', async () => {
      await store.enqueue([run('a')])
      const claimed = await claimOne()
      expect(await store.cancel('a', 1100)).toBe(true)
      expect(await store.cancel('a', 1100)).toBe(false)
      expect(await store.cancel('unknown', 1100)).toBe(false)
      expect(await store.end('a', claimed?.token as string, { status: 'completed', result: 1 }, 1200)).toBe(false)
    })

    it('frees at once the runs of an owner that is gone', async () => {
      await store.enqueue([run('a')])
      await claimOne(1000, 60_000)
      expect(await store.releaseDead((owner) => owner !== 'host/1/a')).toBe(1)
      expect((await claimOne(1001))?.run.id).toBe('a')
    })
  })
}
