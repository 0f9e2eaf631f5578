import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobEvent } from '../../define-job.ts'
import type { RunQuery } from '../../driver.ts'
import {
  NEVER,
  type ClaimedRun,
  type Enqueue,
  type JobStore,
  type NewRun,
  type RunChange,
  type StepRecord,
} from '../../store.ts'

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

    const event = (id: string, data: unknown = { title: 'Å 🎵 \u0000', n: [1, null] }, type = 'test/go'): JobEvent => ({
      id,
      name: type,
      data,
      ts: 1000,
    })
    const run = (id: string, change: Partial<NewRun> = {}): NewRun => ({
      id,
      job: 'job',
      events: [event(`e-${id}`)],
      carrier: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', userId: 'u' },
      createdAt: 1000,
      rank: 1000,
      ...change,
    })
    const enqueue = (runs: readonly NewRun[], change: Partial<Enqueue> = {}): Promise<boolean> =>
      store.enqueue({ runs, events: [], now: 1000, ...change })
    const claim = (now = 1000, limit = 10, leaseMs = 100): Promise<ClaimedRun[]> =>
      store.claim('host/1/s/a', now, leaseMs, limit)
    const claimOne = async (now = 1000, leaseMs = 100): Promise<ClaimedRun> => {
      const [claimed] = await claim(now, 1, leaseMs)
      if (!claimed) throw new Error('There is nothing to claim')
      return claimed
    }
    const idsOf = (claimed: readonly ClaimedRun[]): string[] => claimed.map((each) => each.run.id)
    const write = (of: ClaimedRun, change: Partial<RunChange>): ReturnType<JobStore['write']> =>
      store.write({ id: of.run.id, epoch: of.epoch, now: 1000, ...change })
    const step = (key: string, change: Partial<StepRecord> = {}): StepRecord => ({
      key,
      seq: 0,
      status: 'completed',
      attempts: 1,
      startedAt: 1000,
      endedAt: 1001,
      output: { a: [null, 'Å'] },
      ...change,
    })
    const statusOf = async (id: string): Promise<string | undefined> => (await store.get(id))?.run.status
    const waitingStep = (key: string): StepRecord => ({
      key,
      seq: 0,
      status: 'waiting',
      attempts: 0,
      startedAt: 1000,
      wakeAt: 5000,
    })

    describe('claiming', () => {
      it('gives back what was queued, in the order of rank, and an id only once', async () => {
        await enqueue([run('b', { rank: 2000 }), run('a'), run('a')])
        const claimed = await claim(3000)
        expect(idsOf(claimed)).toEqual(['a', 'b'])
        const { rank: _rank, ...queued } = run('a')
        expect(claimed[0]?.run).toEqual({ ...queued, status: 'running', attempt: 0, startedAt: 3000 })
        expect(await claim(3000)).toEqual([])
      })

      it('lets a higher priority go first, whenever it was queued', async () => {
        await enqueue([run('first'), run('second', { rank: 1000 - 60_000 })])
        expect(idsOf(await claim(1000, 1))).toEqual(['second'])
      })

      it('waits for the time that a run names', async () => {
        await enqueue([run('a', { wakeAt: 2000 })])
        expect(await store.nextDue()).toBe(2000)
        expect(await claim(1999)).toEqual([])
        expect(idsOf(await claim(2000))).toEqual(['a'])
      })

      it('gives a run to another when its lease ends, and fences the first', async () => {
        await enqueue([run('a')])
        const first = await claimOne()
        const second = await claimOne(1100)
        expect(second.run.id).toBe('a')
        expect(await write(first, { steps: [step('s')] })).toBe('lost')
        expect(await write(first, { park: { wakeAt: 0, attempt: 9 } })).toBe('lost')
        expect(await write(first, { end: { status: 'completed', result: 1 } })).toBe('lost')
        expect((await store.get('a'))?.steps).toEqual([])
        expect(await write(second, { steps: [step('s')] })).toBe('written')
      })

      it('keeps a renewed run, and says which are still held', async () => {
        await enqueue([run('a'), run('b')])
        await claim()
        await store.cancel('b', 1050)
        expect(await store.renew('host/1/s/a', ['a', 'b', 'unknown'], 5000)).toEqual(['a'])
        expect(await store.renew('host/2/s/b', ['a'], 9000)).toEqual([])
        expect(await claim(4999)).toEqual([])
        expect(idsOf(await claim(5000))).toEqual(['a'])
      })

      it('frees at once the runs of an owner that is gone', async () => {
        await enqueue([run('a')])
        await claimOne(1000, 60_000)
        expect(await store.owners()).toEqual(['host/1/s/a'])
        expect(await store.release('host/1/s/a', 1000)).toBe(1)
        expect(idsOf(await claim(1001))).toEqual(['a'])
      })

      it('frees what an owner does not know it has, and leaves it what it holds', async () => {
        await enqueue([run('a'), run('b')])
        await claim()
        expect(await store.release('host/1/s/a', 1000, ['a'])).toBe(1)
        expect(idsOf(await claim(1001))).toEqual(['b'])
      })

      it('gives the place of a run that ends to the next in one write', async () => {
        await enqueue([run('a', { slots: [{ key: 'k', limit: 1 }] }), run('b', { rank: 1001 })])
        await enqueue([run('c', { slots: [{ key: 'k', limit: 1 }], rank: 1000 })])
        const a = await claimOne()
        const next = { owner: 'host/1/s/a', leaseMs: 1000, limit: 1 }
        const change = { id: 'a', epoch: a.epoch, now: 1000, end: { status: 'completed', result: 1 } } as const
        const first = await store.writeAndClaim(change, next)
        expect([first.result, idsOf(first.claimed)]).toEqual(['written', ['c']])
        expect((await store.get('a'))?.run.status).toBe('completed')
        expect(await store.owners()).toEqual(['host/1/s/a'])
        const late = await store.writeAndClaim(change, next)
        expect([late.result, idsOf(late.claimed)]).toEqual(['lost', ['b']])
        expect(await store.writeAndClaim(change, next)).toEqual({ result: 'lost', claimed: [] })
      })

      it('starts nothing of a job that is paused, and all of it when it is resumed', async () => {
        await enqueue([run('a'), run('b', { job: 'other' })])
        await store.pause('job', true)
        expect(idsOf(await claim())).toEqual(['b'])
        expect((await store.depth()).map(({ job, paused }) => [job, paused])).toEqual([
          ['job', true],
          ['other', false],
        ])
        await store.pause('job', false)
        expect(idsOf(await claim())).toEqual(['a'])
        await store.write({ id: 'b', epoch: 1, now: 1000, end: { status: 'completed', result: null } })
        expect((await store.depth()).map(({ job }) => job)).toEqual(['job'])
        await store.pause('*', true)
        await enqueue([run('c')])
        expect(await claim()).toEqual([])
        await store.pause('*', false)
        expect(idsOf(await claim())).toEqual(['c'])
      })
    })

    describe('slots', () => {
      const slots = [{ key: 'k', limit: 1 }]

      it('are never more than the limit, and go to the next in line when they are free', async () => {
        await enqueue([
          run('a', { slots }),
          run('b', { slots, rank: 1001 }),
          run('c', { slots, rank: 1002 }),
          run('free'),
        ])
        const [a, free] = await claim()
        expect([a?.run.id, free?.run.id]).toEqual(['a', 'free'])
        await write(a as ClaimedRun, { park: { wakeAt: 9000, attempt: 0 } })
        expect(idsOf(await claim())).toEqual(['b'])
        expect(await claim()).toEqual([])
        await store.cancel('b', 1000)
        expect(idsOf(await claim())).toEqual(['c'])
      })

      it('are free again when the lease of their holder ends', async () => {
        await enqueue([run('a', { slots }), run('b', { slots, rank: 1001 })])
        await claimOne()
        expect(idsOf(await claim(1100))).toEqual(['a'])
        await store.release('host/1/s/a', 1100)
        expect(await claim(1100, 10)).toHaveLength(1)
      })

      it('of two kinds keep nobody waiting for one that is free', async () => {
        const two = [
          { key: 'x', limit: 1 },
          { key: 'y', limit: 1 },
        ]
        await enqueue([
          run('x1', { slots: [{ key: 'x', limit: 1 }] }),
          run('y1', { slots: [{ key: 'y', limit: 1 }], rank: 1001 }),
          run('both', { slots: two, rank: 1002 }),
          run('x2', { slots: [{ key: 'x', limit: 1 }], rank: 1003 }),
        ])
        const claimed = await claim()
        expect(idsOf(claimed)).toEqual(['x1', 'y1'])
        await write(claimed[0] as ClaimedRun, { end: { status: 'completed', result: null } })
        expect(idsOf(await claim())).toEqual(['x2'])
        await write(claimed[1] as ClaimedRun, { end: { status: 'completed', result: null } })
        await store.cancel('x2', 1000)
        expect(idsOf(await claim())).toEqual(['both'])
      })
    })

    describe('writing', () => {
      it('keeps steps, and parks until the time named', async () => {
        await enqueue([run('a')])
        const claimed = await claimOne()
        const retrying = step('two', {
          seq: 1,
          status: 'retrying',
          error: { name: 'Error', message: 'x' },
          wakeAt: 2000,
        })
        const { endedAt: _endedAt, output: _output, ...two } = retrying
        await write(claimed, { steps: [step('one'), two] })
        await write(claimed, { steps: [{ ...two, attempts: 2 }], park: { wakeAt: 2000, attempt: 1 } })
        expect(await store.nextDue()).toBe(2000)
        expect(await claim(1999)).toEqual([])
        const again = await claimOne(2000)
        expect(again.run.attempt).toBe(1)
        expect(again.epoch).toBeGreaterThan(claimed.epoch)
        expect(again.steps.toSorted((x, y) => x.seq - y.seq)).toEqual([step('one'), { ...two, attempts: 2 }])
      })

      it('ends a run once, with its result or its error', async () => {
        await enqueue([run('a'), run('b'), run('c', { rank: 1001 })])
        const [a, b] = (await claim(1000, 2)) as [ClaimedRun, ClaimedRun]
        const ended = { now: 1500, end: { status: 'completed', result: { ok: true } } } as const
        expect(await write(a, { ...ended, steps: [step('s')] })).toBe('written')
        expect(await write(a, { ...ended, now: 1600 })).toBe('lost')
        const error = { name: 'E', message: 'm' }
        await write(b, { failure: error })
        expect((await store.get('b'))?.run.failure).toEqual(error)
        await write(b, { now: 1500, end: { status: 'failed', error } })
        expect(await store.get('a')).toMatchObject({
          run: { status: 'completed', result: { ok: true }, endedAt: 1500 },
          steps: [{ key: 's' }],
        })
        expect((await store.list({ status: 'failed' })).map(({ id }) => id)).toEqual(['b'])
        expect(await store.depth()).toEqual([
          { job: 'job', queued: 1, running: 0, waiting: 0, failed: 1, oldestQueuedAt: 1000, paused: false },
        ])
      })

      it('cancels what has not ended, and fences its worker', async () => {
        await enqueue([run('a')])
        const claimed = await claimOne()
        expect(await store.cancel('a', 1100)).toBe(true)
        expect(await store.cancel('a', 1100)).toBe(false)
        expect(await store.cancel('unknown', 1100)).toBe(false)
        expect(await write(claimed, { end: { status: 'completed', result: 1 } })).toBe('lost')
        expect(await statusOf('a')).toBe('cancelled')
      })
    })

    describe('waiting', () => {
      const park = { wakeAt: 5000, attempt: 0 }
      const waitFor = async (value?: string): Promise<ClaimedRun> => {
        await enqueue([run('a')])
        const claimed = await claimOne()
        const awaited = { event: 'test/paid', until: 5000, ...(value !== undefined && { path: 'data.id', value }) }
        await write(claimed, { steps: [waitingStep('w')], waits: { w: awaited } })
        return claimed
      }
      const paid = (id: unknown): Partial<Enqueue> => ({ events: [event('p', { id }, 'test/paid')] })
      const outputOf = async (): Promise<unknown> => (await store.get('a'))?.steps[0]?.output

      it('ends with the first event that matches', async () => {
        await write(await waitFor('"r1"'), { park })
        await enqueue([], paid('r2'))
        await enqueue([], { events: [event('q', { id: 'r1' }, 'test/other')] })
        expect(await claim()).toEqual([])
        await enqueue([], paid('r1'))
        await enqueue([], { events: [event('late', { id: 'r1' }, 'test/paid')] })
        const again = await claimOne()
        expect(again.steps).toMatchObject([{ key: 'w', status: 'completed', output: { id: 'p', data: { id: 'r1' } } }])
        expect(again.steps[0]).not.toHaveProperty('wakeAt')
      })

      it('compares numbers and null too, and takes any event where nothing is to match', async () => {
        await write(await waitFor('7'), { park })
        await enqueue([], paid('7'))
        await enqueue([], paid(8))
        expect(await claim()).toEqual([])
        await enqueue([], paid(7))
        expect(idsOf(await claim())).toEqual(['a'])
        await enqueue([run('b')])
        const b = await claimOne()
        await write(b, { steps: [waitingStep('w')], waits: { w: { event: 'test/any', until: 5000 } }, park })
        await enqueue([], { events: [event('x', 'not an object', 'test/any')] })
        expect(idsOf(await claim())).toEqual(['b'])
      })

      it('is not missed when the event comes before the run parks', async () => {
        const claimed = await waitFor()
        await enqueue([], paid(1))
        await write(claimed, { park })
        expect((await claimOne()).steps[0]?.status).toBe('completed')
      })

      it('does not hear of an event after its time, and keeps one that came just before', async () => {
        const claimed = await waitFor()
        await enqueue([], { ...paid(1), now: 5000 })
        expect(await outputOf()).toBeUndefined()
        await enqueue([], { ...paid(1), now: 4999 })
        const { wakeAt: _wakeAt, ...givenUp } = waitingStep('w')
        expect(
          await write(claimed, {
            steps: [{ ...givenUp, status: 'completed', output: null }, step('other', { seq: 1 })],
          }),
        ).toBe('settled')
        expect(await outputOf()).toMatchObject({ id: 'p' })
        expect((await store.get('a'))?.steps.map(({ key }) => key).toSorted()).toEqual(['other', 'w'])
      })

      it('ends with the run that was spawned', async () => {
        await enqueue([run('a')])
        const claimed = await claimOne()
        const child = run('a/w', { parent: { runId: 'a', key: 'w' } })
        await write(claimed, { steps: [waitingStep('w')], spawn: [child], park: { ...park, wakeAt: NEVER } })
        const spawned = await claimOne()
        expect(spawned.run.id).toBe('a/w')
        await write(spawned, { end: { status: 'completed', result: [1] } })
        expect((await claimOne()).steps).toMatchObject([{ status: 'completed', output: [1] }])
      })

      it('fails with the run that was spawned', async () => {
        await enqueue([run('a')])
        const claimed = await claimOne()
        const child = run('a/w', { parent: { runId: 'a', key: 'w' } })
        await write(claimed, { steps: [waitingStep('w')], spawn: [child], park })
        await store.cancel('a/w', 1000)
        expect((await claimOne()).steps).toMatchObject([{ status: 'failed', error: { message: 'job was cancelled.' } }])
      })

      it('is cancelled by an event that it names', async () => {
        const cancelOn = [{ event: 'test/stop', path: 'data.id', value: '"r1"', until: 5000 }]
        await enqueue([run('a', { cancelOn }), run('b', { cancelOn: [{ event: 'test/stop', until: 900 }] })])
        await enqueue([], { events: [event('s', { id: 'r2' }, 'test/stop')] })
        expect(await statusOf('a')).toBe('queued')
        await enqueue([], { events: [event('t', { id: 'r1' }, 'test/stop')] })
        expect([await statusOf('a'), await statusOf('b')]).toEqual(['cancelled', 'queued'])
      })
    })

    describe('gates', () => {
      const gate = (version: number, value = 'v') => [{ key: 'g', version, value, expiresAt: 9000 }]

      it('are written only by who has seen them as they are', async () => {
        expect(await store.gates(['g', 'h'])).toMatchObject([{ version: 0 }, { version: 0 }])
        expect(await enqueue([run('a')], { gates: gate(0, 'one') })).toBe(true)
        const [held] = await store.gates(['g'])
        expect(held?.value).toBe('one')
        expect(await enqueue([run('b')], { gates: gate(0, 'two') })).toBe(false)
        expect(await store.get('b')).toBeUndefined()
        expect(await enqueue([run('b')], { gates: gate(held?.version as number, 'two') })).toBe(true)
        expect((await store.gates(['g']))[0]?.value).toBe('two')
      })

      it('let a collecting run be changed until it is ready', async () => {
        await enqueue([run('a', { wakeAt: 2000 })])
        expect(await enqueue([], { amend: [{ id: 'a', append: [event('e2')], wakeAt: 2500 }] })).toBe(true)
        expect(await claim(2000)).toEqual([])
        expect(await enqueue([], { amend: [{ id: 'a', replace: [event('e3')], wakeAt: 1000 }] })).toBe(true)
        expect((await claimOne()).run.events.map(({ id }) => id)).toEqual(['e3'])
        expect(await enqueue([run('n')], { amend: [{ id: 'a', append: [event('e4')], wakeAt: 1000 }] })).toBe(false)
        expect(await store.get('n')).toBeUndefined()
      })
    })

    describe('history', () => {
      const endAt = async (id: string, now: number, failed = false): Promise<void> => {
        await enqueue([run(id)])
        const claimed = await claimOne()
        const error = { name: 'E', message: 'm' }
        await write(claimed, {
          now,
          steps: [step('s')],
          end: failed ? { status: 'failed', error } : { status: 'completed', result: 1 },
        })
      }
      const policy = { now: 9000, completedBefore: 0, failedBefore: 0, keep: 100, limit: 100 }

      it('is kept for as long as the policy says, longer for what failed', async () => {
        await endAt('old', 1000)
        await endAt('failed', 1000, true)
        await endAt('new', 3000)
        await enqueue([run('open')])
        expect(await store.prune({ ...policy, completedBefore: 2000, failedBefore: 500 })).toBe(1)
        expect((await store.list({})).map(({ id }) => id).toSorted()).toEqual(['failed', 'new', 'open'])
        expect(await store.prune({ ...policy, completedBefore: 2000, failedBefore: 2000 })).toBe(1)
      })

      it('is kept up to a number of runs, the latest', async () => {
        for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) await endAt(id, 2000 + index)
        expect(await store.prune({ ...policy, keep: 2, limit: 1 })).toBe(1)
        expect(await store.prune({ ...policy, keep: 2 })).toBe(1)
        expect((await store.list({})).map(({ id }) => id).toSorted()).toEqual(['c', 'd'])
      })

      it('is listed by pages, the latest first', async () => {
        for (const [index, id] of ['a', 'b', 'c'].entries()) await enqueue([run(id, { createdAt: 1000 + index })])
        const page = await store.list({ limit: 2 })
        expect(page.map(({ id }) => id)).toEqual(['c', 'b'])
        expect((await store.list({ limit: 2, before: 'b' })).map(({ id }) => id)).toEqual(['a'])
        expect(await store.list({ job: 'other' })).toEqual([])
      })

      it('is found by the event that started it, with its replays and nothing else', async () => {
        const ids = ['e', 'e.x', 'e~', 'E', 'f', '.', '%', '_', "e'"]
        for (const [index, id] of ids.entries()) {
          await enqueue([run(`${id}.job`, { events: [event(id)], createdAt: 1000 + index })])
        }
        await enqueue([run('e.other', { job: 'other', events: [event('e')], createdAt: 2000 })])
        await enqueue([run('e.job~1', { events: [event('e')], createdAt: 3000, replayOf: 'e.job' })])
        await enqueue([run('e.job~1~2', { events: [event('e')], createdAt: 4000, replayOf: 'e.job~1' })])
        // What a run of this event has invoked was started by that run.
        await enqueue([run('e.job/step', { job: 'child', events: [event('e.job/step')], createdAt: 5000 })])
        // An event whose id looks like a replay of another's, and a replay of it.
        await enqueue([run('e.job~b.job', { events: [event('e.job~b')], createdAt: 6000 })])
        const again = { events: [event('e.job~b')], createdAt: 7000, replayOf: 'e.job~b.job' }
        await enqueue([run('e.job~b.job~1', again), run('e.job~1/step', { createdAt: 8000 })])
        const found = async (query: RunQuery): Promise<string[]> => (await store.list(query)).map(({ id }) => id)
        expect(await found({ eventId: 'e.job~b' })).toEqual(['e.job~b.job~1', 'e.job~b.job'])
        expect(await found({ eventId: 'e' })).toEqual(['e.job~1~2', 'e.job~1', 'e.other', 'e.job'])
        for (const id of ids.slice(1)) expect(await found({ eventId: id })).toEqual([`${id}.job`])
        expect(await found({ eventId: 'e', job: 'job', limit: 1, before: 'e.job~1~2' })).toEqual(['e.job~1'])
        expect(await found({ eventId: 'e', status: 'completed' })).toEqual([])
        expect(await found({ eventId: 'nobody' })).toEqual([])
      })

      it('is found by every event that was gathered into it, until it is deleted', async () => {
        await enqueue([run('a', { wakeAt: 2000, events: [event('e1'), event('e2')] })])
        await enqueue([], { amend: [{ id: 'a', append: [event('e3')], wakeAt: 2500 }] })
        await enqueue([], { amend: [{ id: 'a', replace: [event('e4')], wakeAt: 1000 }] })
        for (const eventId of ['e1', 'e2', 'e3', 'e4']) {
          expect((await store.list({ eventId })).map(({ id }) => id)).toEqual(['a'])
        }
        // So is a replay, by the events that it was made of.
        await enqueue([run('a~1', { createdAt: 1500, events: [event('e4')], replayOf: 'a', wakeAt: 90_000 })])
        expect((await store.list({ eventId: 'e4' })).map(({ id }) => id)).toEqual(['a~1', 'a'])
        const claimed = await claimOne()
        await write(claimed, { end: { status: 'completed', result: 1 } })
        expect(await store.prune({ ...policy, completedBefore: 9000 })).toBe(1)
        expect(await store.list({ eventId: 'e1' })).toEqual([])
        // Nor does a new run of that id have them.
        await enqueue([run('a')])
        expect(await store.list({ eventId: 'e1' })).toEqual([])
      })

      it('begins a run with what another has done', async () => {
        await enqueue([run('a', { steps: [step('one')], replayOf: 'z' })])
        const claimed = await claimOne()
        expect(claimed.steps).toEqual([step('one')])
        expect(claimed.run.replayOf).toBe('z')
      })
    })
  })
}
