// Started by the crash test: runs a job of three steps on a SQLite file. With `hang` the second step never ends.
import { appendFileSync } from 'node:fs'
import { createJobs } from '../create-jobs.ts'
import { defineJob } from '../define-job.ts'
import { embedded } from '../drivers/embedded.ts'
import { sqliteStore } from '../stores/sqlite.ts'

const [path = '', log = '', mode = ''] = process.argv.slice(2)
const note = (line: string): void => appendFileSync(log, `${line}\n`)

const job = defineJob({ id: 'three', triggers: [{ event: 'test/go' }] }, async ({ step }) => {
  await step.run('one', () => note('one'))
  await step.run('two', async () => {
    note('two')
    if (mode !== 'hang') return
    console.log('in step two')
    await new Promise(() => {})
  })
  await step.run('three', () => note('three'))
})

const jobs = createJobs({ jobs: [job], driver: embedded({ store: sqliteStore({ path }), pollMs: 20 }) })
await jobs.start()
await jobs.send('test/go', {}, { id: 'the-run' })

// Keeps this process alive while it works; a worker's own timers do not.
const alive = setInterval(() => {
  void jobs.run('the-run.three').then(async (run) => {
    if (run?.status !== 'completed') return
    clearInterval(alive)
    note(`end ${run.status}`)
    await jobs.close()
  })
}, 20)
