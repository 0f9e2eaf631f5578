// Takes a job and never ends it.
import { createJobs, defineJob } from '@msc/jobs'
import { embedded } from '@msc/jobs/embedded'
import { sqliteStore } from '@msc/jobs/stores/sqlite'

const [path = ''] = process.argv.slice(2)
const job = defineJob({ id: 'hang', triggers: [{ event: 'bench/hang' }] }, ({ step }) =>
  step.run('hang', () => {
    process.send?.('hanging')
    return new Promise<void>(() => {})
  }),
)
const jobs = createJobs({ jobs: [job], driver: embedded({ store: sqliteStore({ path }) }) })
await jobs.start()
await jobs.send('bench/hang', {})
