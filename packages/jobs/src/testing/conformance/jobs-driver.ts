import { createMemoryJournal, currentContext, newTrace, setJournal, withContext, type Clock } from '@msc/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobList, Jobs } from '../../create-jobs.ts'
import { defineJob } from '../../define-job.ts'
import { NonRetriableError } from '../../errors.ts'
import { createHarness, type Harness, type JobsDriverSetup, type RunEnd } from '../harness.ts'
import { createScaledClock } from '../scaled-clock.ts'
import { scenarios } from '../scenarios.ts'

/** How much faster than time the suite's clock runs. */
const SPEED = 10

/** What every driver of `@msc/jobs` promises: the same definitions behave alike. */
export function testJobsDriver(name: string, setUp: (clock: Clock) => Promise<JobsDriverSetup>): void {
  describe(`jobs driver: ${name}`, () => {
    let harness: Harness
    let log: string[] = []
    let ends: readonly RunEnd[] = []
    let errors: readonly Error[] = []
    beforeEach(async () => {
      setJournal(createMemoryJournal())
      const clock = createScaledClock(SPEED)
      harness = createHarness(await setUp(clock), clock)
      log = harness.trace
      ends = harness.ends
      errors = harness.errors
    })
    afterEach(async () => {
      await harness.close()
      setJournal(undefined)
    })

    it.each(scenarios)('$name', async (scenario) => {
      await scenario.run(harness)
      const trace = scenario.unordered ? log.toSorted() : log
      expect(trace).toEqual(scenario.unordered ? scenario.trace.toSorted() : scenario.trace)
      expect(
        ends.map(({ job, status, result, message }) => `${job} ${status} ${message ?? JSON.stringify(result)}`),
      ).toEqual(scenario.ends)
    })

    const backoff = (): number => 10
    const start = (...definitions: JobList): Promise<Jobs> => harness.start(...definitions)
    const runToEnd = async (engine: Jobs, data: unknown = {}, count = 1): Promise<void> => {
      await engine.send('test/go', data)
      await harness.ended(count)
    }
    const triggers = [{ event: 'test/go' }]

    it('runs steps in order, once each, and keeps the result', async () => {
      const engine = await start(
        defineJob<{ n: number }>({ id: 'adds', triggers }, async ({ event, step }) => {
          const a = await step.run('a', () => (log.push('a'), event.data.n + 1))
          const b = await step.run('b', async () => (log.push('b'), a * 10))
          return { b }
        }),
      )
      await runToEnd(engine, { n: 1 })
      expect(log).toEqual(['a', 'b'])
      expect(ends).toMatchObject([{ status: 'completed', message: undefined, result: { b: 20 } }])
    })

    it('retries a failing step alone, with the ones before it untouched', async () => {
      let failures = 2
      const engine = await start(
        defineJob({ id: 'retries', triggers, backoff }, async ({ step }) => {
          await step.run('before', () => void log.push('before'))
          await step.run('flaky', () => {
            log.push('flaky')
            if (failures-- > 0) throw new Error('not yet')
          })
        }),
      )
      await runToEnd(engine)
      expect(log).toEqual(['before', 'flaky', 'flaky', 'flaky'])
      expect(ends[0]?.status).toBe('completed')
      expect(errors).toEqual([])
    })

    it("gives the handler a step's error once its attempts are used up, to catch", async () => {
      const engine = await start(
        defineJob({ id: 'catches', triggers, attempts: 2, backoff }, async ({ step }) => {
          try {
            await step.run('doomed', () => {
              log.push('try')
              throw new TypeError('always')
            })
          } catch (error) {
            return `caught ${(error as Error).message}`
          }
        }),
      )
      await runToEnd(engine)
      expect(log).toEqual(['try', 'try'])
      expect(ends[0]).toMatchObject({ status: 'completed', result: 'caught always' })
    })

    it('fails for good after its attempts, rolls back in reverse order, and tells once', async () => {
      const engine = await start(
        defineJob(
          {
            id: 'saga',
            triggers,
            attempts: 2,
            backoff,
            onFailure: ({ error }) => void log.push(`on-failure ${error.message}`),
          },
          async ({ step }) => {
            const undo = (what: string) => ({
              rollback: (output: unknown) => void log.push(`undo-${what} ${JSON.stringify(output)}`),
            })
            await step.run('reserve', () => (log.push('reserve'), { seat: 1 }), undo('reserve'))
            await step.run('charge', () => void log.push('charge'), undo('charge'))
            await step.run(
              'ship',
              () => {
                log.push('ship')
                throw new Error('no carrier')
              },
              undo('ship'),
            )
          },
        ),
      )
      await runToEnd(engine)
      expect(log).toEqual([
        'reserve',
        'charge',
        'ship',
        'ship',
        'undo-charge null',
        'undo-reserve {"seat":1}',
        'on-failure no carrier',
      ])
      expect(ends).toMatchObject([{ status: 'failed', message: 'no carrier', result: undefined }])
      expect(ends[0]?.breadcrumbs.filter((line) => !line.startsWith('on-failure'))).toEqual([
        'reserve → completed',
        'charge → completed',
        'ship → failed',
        'rollback:charge → completed',
        'rollback:reserve → completed',
      ])
      expect(errors.map((error) => error.message)).toEqual(['no carrier'])
    })

    it('does not retry a NonRetriableError, in a step or outside', async () => {
      const engine = await start(
        defineJob<{ where: string }>({ id: 'refuses', triggers, backoff }, async ({ event, step }) => {
          if (event.data.where === 'outside') {
            log.push('outside')
            throw new NonRetriableError('never')
          }
          await step.run('in', () => {
            log.push('in')
            throw new NonRetriableError('never')
          })
        }),
      )
      await runToEnd(engine, { where: 'in' })
      await runToEnd(engine, { where: 'outside' }, 2)
      expect(log).toEqual(['in', 'outside'])
      expect(ends.map(({ status }) => status)).toEqual(['failed', 'failed'])
    })

    it('retries the handler for an error outside steps', async () => {
      const engine = await start(
        defineJob({ id: 'outside', triggers, backoff }, async ({ step, attempt }) => {
          await step.run('once', () => void log.push('once'))
          if (attempt < 2) throw new Error('between steps')
          return attempt
        }),
      )
      await runToEnd(engine)
      expect(log).toEqual(['once'])
      expect(ends[0]).toMatchObject({ status: 'completed', result: 2 })
    })

    it('runs parallel steps once each while a sibling fails and is retried', async () => {
      let failures = 1
      const engine = await start(
        defineJob({ id: 'parallel', triggers, backoff }, async ({ step }) => {
          const results = await Promise.all([
            step.run('left', () => (log.push('left'), 1)),
            step.run('flaky', () => {
              if (failures-- > 0) throw new Error('not yet')
              log.push('flaky')
              return 2
            }),
            step.run('right', () => (log.push('right'), 3)),
          ])
          return results
        }),
      )
      await runToEnd(engine)
      expect(log.toSorted()).toEqual(['flaky', 'left', 'right'])
      expect(ends[0]).toMatchObject({ status: 'completed', result: [1, 2, 3] })
    })

    it('sleeps without running anything again', async () => {
      const engine = await start(
        defineJob({ id: 'sleeps', triggers }, async ({ step }) => {
          const before = await step.run('before', () => (log.push('before'), harness.clock.now()))
          await step.sleep('pause', '1s')
          return step.run('after', () => (log.push('after'), harness.clock.now() - before))
        }),
      )
      await runToEnd(engine)
      expect(log).toEqual(['before', 'after'])
      expect(ends[0]?.result).toBeGreaterThanOrEqual(950)
    })

    it('keeps repeated ids apart, and turns undefined into null', async () => {
      const engine = await start(
        defineJob({ id: 'repeats', triggers }, async ({ step }) => {
          const values: unknown[] = []
          for (let i = 0; i < 3; i++) values.push(await step.run('same', () => (log.push(`same ${i}`), i)))
          values.push(await step.run('nothing', () => undefined))
          return values
        }),
      )
      await runToEnd(engine)
      expect(log).toEqual(['same 0', 'same 1', 'same 2'])
      expect(ends[0]?.result).toEqual([0, 1, 2, null])
    })

    it('sends events from a step, once', async () => {
      const engine = await start(
        defineJob({ id: 'sends', triggers }, async ({ step }) => {
          await step.sendEvent('tell', { name: 'test/told', data: { from: 'sends' } })
          await step.run('after', () => void log.push('after'))
        }),
        defineJob<{ from: string }>({ id: 'hears', triggers: [{ event: 'test/told' }] }, ({ event, step }) =>
          step.run('note', () => void log.push(`heard ${event.data.from}`)),
        ),
      )
      await runToEnd(engine, {}, 2)
      expect(log.toSorted()).toEqual(['after', 'heard sends'])
    })

    it('gives the handler what JSON makes of the data', async () => {
      const seen: unknown[] = []
      const engine = await start(
        defineJob({ id: 'sees', triggers }, ({ event, step }) => step.run('see', () => void seen.push(event.data))),
      )
      await runToEnd(engine, new Amount())
      await runToEnd(engine, new Date(0), 2)
      await runToEnd(engine, { paid: new Amount() }, 3)
      expect(seen).toEqual([{ amount: '5' }, '1970-01-01T00:00:00.000Z', { paid: { amount: '5' } }])
    })

    it('runs once for an event id, however often it is sent', async () => {
      const engine = await start(
        defineJob({ id: 'once', triggers }, ({ event, step }) => step.run('note', () => void log.push(event.id))),
      )
      await engine.send('test/go', {}, { id: 'fixed' })
      await engine.send('test/go', {}, { id: 'fixed' })
      await runToEnd(engine, {}, 2)
      expect(log.filter((id) => id === 'fixed')).toHaveLength(1)
    })

    it('says what has become of an event, of its own knowledge, or not at all', async () => {
      let fails = true
      const engine = await start(
        defineJob({ id: 'stated', triggers, attempts: 1 }, ({ event, step }) =>
          step.run('look', () => {
            if (fails && event.id === 'bad') throw new NonRetriableError('no such thing: ana@msc.example')
            return event.id
          }),
        ),
      )
      if (!harness.observes('runs')) {
        await expect(engine.runs({ eventId: 'good' })).rejects.toMatchObject({ code: 'JOBS_NOT_OBSERVABLE' })
        return
      }
      expect(await engine.runs({ eventId: 'good' })).toEqual([])
      const { ids } = await engine.send('test/go', {}, { id: 'good' })
      expect(ids).toEqual(['good'])
      await engine.send('test/go', {}, { id: 'good' })
      await engine.send('test/go', {}, { id: 'bad' })
      await harness.ended(2)
      const statusOf = async (eventId: string): Promise<unknown> =>
        (await engine.runs({ eventId })).map(({ status }) => status)
      await expect.poll(() => statusOf('good')).toEqual(['completed'])
      await expect.poll(() => statusOf('bad')).toEqual(['failed'])
      const [good] = await engine.runs({ eventId: 'good' })
      expect(good).toMatchObject({ job: 'stated', event: { id: 'good', name: 'test/go' }, result: 'good' })
      expect(good?.startedAt).toBeGreaterThanOrEqual(good?.createdAt ?? Infinity)
      expect(good?.endedAt).toBeGreaterThanOrEqual(good?.startedAt ?? Infinity)
      const [bad] = await engine.runs({ eventId: 'bad' })
      expect(bad?.error?.message).toContain('no such thing')
      expect(JSON.stringify(bad)).not.toContain('ana@msc.example')
      expect(await engine.runs({ eventId: 'bad', status: 'completed' })).toEqual([])
      if (!harness.observes('replay')) {
        await expect(engine.replay(bad?.id ?? '')).rejects.toMatchObject({ code: 'JOBS_NOT_OBSERVABLE' })
        return
      }
      fails = false
      const { id } = await engine.replay(bad?.id ?? '')
      await harness.ended(3)
      const [again, first] = await engine.runs({ eventId: 'bad' })
      expect([again?.id, again?.status, again?.replayOf, first?.id]).toEqual([id, 'completed', bad?.id, bad?.id])
    })

    it('goes on in the trace of the sender, with its user', async () => {
      const trace = newTrace()
      const seen: unknown[] = []
      const engine = await start(
        defineJob({ id: 'traced', triggers }, async ({ step }) => {
          await step.run('look', () => void seen.push([currentContext()?.trace.traceId, currentContext()?.userId]))
        }),
      )
      await withContext({ trace, userId: 'user-1' }, () => runToEnd(engine))
      expect(seen).toEqual([[trace.traceId, 'user-1']])
    })

    it('answers a health check', async () => {
      const engine = await start(defineJob({ id: 'idle', triggers }, () => {}))
      // The clock may be a quick one.
      expect(await engine.health({ timeoutMs: 60_000 })).toMatchObject({ concern: 'jobs', status: 'ready' })
    })
  })
}

class Amount {
  readonly amount = 5n
  readonly note = 'not for a job'

  toJSON(): object {
    return { amount: String(this.amount) }
  }
}
