// One of the workers of `benchWorkers`: works when it is told to.
import { createJobs } from '@msc/jobs'
import { embedded } from '@msc/jobs/embedded'
import { postgresStore } from '@msc/jobs/stores/postgres'
import { ioJob } from './io.ts'

const [url = ''] = process.argv.slice(2)
const store = postgresStore({ url, maxConnections: 4 })
// Told together: whoever counts shares two cores with the workers and the database, and must not take them for itself.
const ran: number[] = []
setInterval(() => {
  if (ran.length > 0) process.send?.(ran.splice(0))
}, 20)
const jobs = createJobs({ jobs: [ioJob((n) => ran.push(n))], driver: embedded({ store, concurrency: 5 }) })
// The connection is made before the barrier; what is measured is the work.
await store.nextDue()
process.on('message', async (message) => {
  if (message === 'go') return jobs.start()
  await jobs.close()
  process.exit(0)
})
process.send?.('ready')
