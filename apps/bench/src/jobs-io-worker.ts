// One of the workers of `benchWorkers`: works when it is told to.
import { createJobs } from '@msc/jobs'
import { embedded } from '@msc/jobs/embedded'
import { postgresStore } from '@msc/jobs/stores/postgres'
import { ioJob } from './jobs-io.ts'

const [url = ''] = process.argv.slice(2)
const store = postgresStore({ url, maxConnections: 4 })
const jobs = createJobs({ jobs: [ioJob((n) => process.send?.(n))], driver: embedded({ store, concurrency: 5 }) })
// The connection is made before the barrier; what is measured is the work.
await store.nextDue()
process.on('message', async (message) => {
  if (message === 'go') return jobs.start()
  await jobs.close()
  process.exit(0)
})
process.send?.('ready')
