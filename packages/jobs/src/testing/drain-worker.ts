// A worker process that is told to stop while it is in the middle of a step.
import { createJobs } from '../create-jobs.ts'
import { defineJob } from '../define-job.ts'
import { embedded } from '../drivers/embedded.ts'
import { runWorker } from '../run-worker.ts'
import { sqliteStore } from '../stores/sqlite.ts'

const [path = '', mode] = process.argv.slice(2)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const job = defineJob({ id: 'two', triggers: [{ event: 'test/go' }] }, async ({ step }) => {
  await step.run('first', async () => {
    const told = new Promise<void>((resolve) => process.once('SIGTERM', () => resolve()))
    say('in first')
    await told
    say('told')
    if (mode === 'hangs') await new Promise(() => setInterval(() => {}, 1000))
  })
  await step.run('second', () => say('second'))
})

const jobs = createJobs({
  jobs: [job],
  driver: embedded({ store: sqliteStore({ path }), pollMs: 50 }),
})
await runWorker(jobs)
say('drained')
