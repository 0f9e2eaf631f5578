import { currentScope, processScope, withScope } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import { createJobs, type Jobs } from './create-jobs.ts'
import { defineJob } from './define-job.ts'
import { embedded } from './drivers/embedded.ts'
import type { JobStore } from './store.ts'
import { memoryStore } from './stores/memory.ts'

const go = [{ event: 'test/go' }]

function event(): { readonly happened: Promise<void>; happen(): void } {
  let happen = (): void => {}
  const happened = new Promise<void>((resolve) => (happen = resolve))
  return { happened, happen: () => happen() }
}

/** One job over a store in memory, and what was reported of it. */
function start(options: {
  readonly handler: Parameters<typeof defineJob>[1]
  readonly store?: (working: JobStore) => Partial<JobStore>
  readonly concurrency?: number
  readonly onError?: (error: Error, context: { readonly operation: string }) => void
}) {
  const clock = createManualClock()
  const working = memoryStore()
  const store = { ...working, ...options.store?.(working) }
  const driver = embedded({ store, clock, leaseMs: 10_000, concurrency: options.concurrency ?? 10 })
  const job = defineJob({ id: 'job', triggers: go, attempts: 1 }, options.handler)
  const jobs: Jobs = createJobs({
    jobs: [job],
    driver,
    clock,
    events: ['test/note'],
    onError: options.onError ?? (() => undefined),
  })
  return { clock, jobs, store: working }
}

describe('while it closes', () => {
  it('takes what a running step sends and asks, refuses everybody else, and loses no run', async () => {
    const begun = event()
    const goOn = event()
    const outcomes: unknown[] = []
    const { jobs, store } = start({
      async handler({ step, runId }) {
        await step.run('one', async () => {
          begun.happen()
          await goOn.happened
          outcomes.push(await jobs.send('test/note', {}, { id: 'from the step' }))
          outcomes.push((await jobs.run(runId))?.status)
        })
        await step.run('two', () => 1)
      },
    })
    await jobs.start()
    await jobs.send('test/go', {}, { id: 'e' })
    await begun.happened
    const closed = jobs.close()
    await expect(jobs.send('test/note', {})).rejects.toMatchObject({ code: 'JOBS_CLOSED' })
    await expect(jobs.run('e.job')).rejects.toMatchObject({ code: 'JOBS_CLOSED' })
    goOn.happen()
    await closed
    expect(outcomes).toEqual([{ ids: ['from the step'] }, 'running'])
    expect((await store.get('e.job'))?.steps.map(({ key, status }) => [key, status])).toEqual([['one', 'completed']])
  })

  it('refuses what a run left behind when it is over', async () => {
    const over = event()
    let late: Promise<unknown> = Promise.resolve()
    const { jobs } = start({
      async handler() {
        late = over.happened.then(() => jobs.send('test/note', {}))
        late.catch(() => undefined)
      },
    })
    await jobs.start()
    await jobs.send('test/go', {})
    await jobs.close()
    over.happen()
    await expect(late).rejects.toMatchObject({ code: 'JOBS_CLOSED' })
  })

  it('survives a listener that throws when a step that takes too long is aborted, and aborts the others', async () => {
    const begun = [event(), event()]
    const aborted: string[] = []
    const failures: string[] = []
    const { clock, jobs } = start({
      handler: ({ event: { id }, step }) =>
        step.run('one', ({ signal }) => {
          signal.addEventListener('abort', () => {
            aborted.push(id as string)
            throw new Error(`the listener of ${id}`)
          })
          begun.shift()?.happen()
          return new Promise<void>(() => {})
        }),
      onError: (error, { operation }) => failures.push(`${operation}: ${error.message}`),
    })
    const both = Promise.all(begun.map(({ happened }) => happened))
    await jobs.start()
    for (const id of ['a', 'b']) await jobs.send('test/go', {}, { id })
    await both
    const closed = jobs.close({ timeoutMs: 60_000 })
    await clock.advance(10_000)
    await closed
    // An uncaught exception would have come by now, and fail this test.
    await new Promise((resolve) => setImmediate(resolve))
    expect(aborted.toSorted()).toEqual(['a', 'b'])
    expect(failures.toSorted()).toEqual(['abort a run: the listener of a', 'abort a run: the listener of b'])
  })

  it('survives a listener that throws at the timeout of its step', async () => {
    const begun = event()
    const ended = event()
    const { clock, jobs } = start({
      handler: ({ step }) =>
        step.run(
          'one',
          ({ signal }) => {
            signal.addEventListener('abort', () => {
              throw new Error('the listener')
            })
            begun.happen()
            return new Promise<void>(() => {})
          },
          { timeout: '1s' },
        ),
      onError: (_error, { operation }) => {
        if (operation === 'run') ended.happen()
      },
    })
    await jobs.start()
    await jobs.send('test/go', {})
    await begun.happened
    await clock.advance(1000)
    await ended.happened
    await new Promise((resolve) => setImmediate(resolve))
    await jobs.close()
  })
})

describe('a run that begins where another one ends', () => {
  it('is in none of its units of work: what its worker reports has no user of the other', async () => {
    const reported: unknown[] = []
    const failed = event()
    const { jobs, clock } = start({
      concurrency: 1,
      handler: ({ event: { id } }) => {
        const scope = currentScope()
        if (scope) scope.user = { id: `user of ${id}` }
      },
      store: (working) => ({
        // The second run can not be written at all, which its worker reports.
        writeAndClaim: (change, claim) =>
          change.id.startsWith('b')
            ? Promise.reject(new Error('database is down'))
            : working.writeAndClaim(change, claim),
        write: (change) =>
          change.id.startsWith('b') ? Promise.reject(new Error('database is down')) : working.write(change),
      }),
      onError: (error, { operation }) => {
        reported.push([operation, error.message, currentScope()?.user, processScope().user])
        failed.happen()
      },
    })
    await jobs.sendMany([
      { name: 'test/go', data: {}, id: 'a' },
      { name: 'test/go', data: {}, id: 'b' },
    ])
    await withScope((scope) => {
      scope.user = { id: 'who started it' }
      return jobs.start()
    })
    await clock.advance(900)
    for (let i = 0; i < 8; i++) await clock.advance(2000)
    await failed.happened
    expect(reported[0]).toEqual(['carry a run', 'database is down', undefined, undefined])
    // Its writes are tried again on this clock.
    const closed = jobs.close()
    await clock.advance(5000)
    await closed
  })
})
