// One process of the crash matrix: works on one run until that has ended, or it is killed after so many writes.
import { appendFileSync } from 'node:fs'
import { createJobs } from '../create-jobs.ts'
import { defineJob } from '../define-job.ts'
import { embedded } from '../drivers/embedded.ts'
import { NonRetriableError } from '../errors.ts'
import type { JobStore } from '../store.ts'
import { postgresStore } from '../stores/postgres.ts'
import { sqliteStore } from '../stores/sqlite.ts'
import { killAfter } from './kill-after.ts'

export interface CrashTask {
  readonly store: { readonly sqlite: string } | { readonly postgres: string }
  readonly runId: string
  /** Each line says that a step has run. */
  readonly log: string
  /** Does the last step fail, so that all is rolled back? */
  readonly fails: boolean
  /** 0: not killed. */
  readonly killAfter: number
}

const task = JSON.parse(process.argv[2] ?? '{}') as CrashTask
const note = (line: string): void => appendFileSync(task.log, `${line}\n`)
const undo = (step: string) => ({ rollback: () => note(`rollback:${step}`) })
const does = (step: string) => async (): Promise<string> => {
  await new Promise((resolve) => setImmediate(resolve))
  note(step)
  return step
}

const job = defineJob<{ id: string; fails: boolean }>(
  { id: 'crash', triggers: [{ event: 'crash/go' }], timeout: '1h' },
  async ({ event, step }) => {
    await step.run('reserve', does('reserve'), undo('reserve'))
    await step.sleep('nap', '20ms')
    await Promise.all([step.run('left', does('left'), undo('left')), step.run('right', does('right'), undo('right'))])
    const paid = await step.waitForEvent('paid', { event: 'crash/paid', match: 'data.id', timeout: '10m' })
    if (!paid) throw new Error('The event was lost')
    await step.run('charge', does('charge'), undo('charge'))
    await step.run('ship', async () => {
      note('ship')
      if (event.data.fails) throw new NonRetriableError('no carrier')
    })
    return 'shipped'
  },
)

const plain: JobStore =
  'sqlite' in task.store
    ? sqliteStore({ path: task.store.sqlite })
    : postgresStore({ url: task.store.postgres, maxConnections: 3 })
const store = task.killAfter > 0 ? killAfter(plain, task.killAfter, () => process.kill(process.pid, 'SIGKILL')) : plain
const jobs = createJobs({
  jobs: [job],
  events: ['crash/paid'],
  // Longer than the test: whoever is gone is found by its pid.
  driver: embedded({ store, pollMs: 20, leaseMs: 600_000 }),
  onError: () => {},
})
await jobs.start()
if (!(await jobs.run(`${task.runId}.crash`))) {
  await jobs.send('crash/go', { id: task.runId, fails: task.fails }, { id: task.runId })
}

for (;;) {
  const run = await jobs.run(`${task.runId}.crash`)
  if (run?.endedAt !== undefined) break
  // The other side of the wait, as often as it takes: it may be killed before it has sent.
  if (run?.steps?.some(({ id, status }) => id === 'paid' && status === 'waiting')) {
    await jobs.send('crash/paid', { id: task.runId })
  }
  await new Promise((resolve) => setTimeout(resolve, 5))
}
await jobs.close()
