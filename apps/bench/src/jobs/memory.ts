import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createJobs, defineJob, type JobStore } from '@msc/jobs'
import { embedded } from '@msc/jobs/embedded'
import { memoryStore } from '@msc/jobs/stores/memory'
import { sqliteStore } from '@msc/jobs/stores/sqlite'
import { target } from '../targets.ts'

const RUNS = 200_000
const WARM_UP = 20_000
const AT_ONCE = 1000

/** The heap of a worker after 20 000 runs and after 200 000. */
export async function benchMemory(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'msc-bench-memory-'))
  console.log(`\nMemory after ${WARM_UP} runs, and after ${RUNS}`)
  try {
    await benchStore('memory', memoryStore())
    await benchStore('sqlite', sqliteStore({ path: join(folder, 'jobs.db') }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function benchStore(name: string, store: JobStore): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let left = 0
  let over: () => void = () => {}
  const job = defineJob({ id: 'one', triggers: [{ event: 'bench/one' }] }, ({ step }) => step.run('one', () => 1))
  const driver = embedded({ store, concurrency: 100, retention: { keep: 5000 } })
  const jobs = createJobs({
    jobs: [job],
    driver: {
      ...driver,
      bind: (host) =>
        driver.bind({
          ...host,
          onRunEnd(run, error) {
            host.onRunEnd(run, error)
            if (--left === 0) over()
          },
        }),
    },
  })
  await jobs.start()
  const run = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += AT_ONCE) {
      left = AT_ONCE
      const ended = new Promise<void>((resolve) => (over = resolve))
      await jobs.sendMany(Array.from({ length: AT_ONCE }, (_, n) => ({ name: 'bench/one', data: { n } })))
      await ended
    }
  }
  const heap = (): number => {
    collect()
    return process.memoryUsage().heapUsed / 2 ** 20
  }
  await run(WARM_UP)
  const early = heap()
  await run(RUNS - WARM_UP)
  const late = heap()
  console.log(`  ${name.padEnd(8)} ${early.toFixed(1)} MiB, ${late.toFixed(1)} MiB`)
  target(`${name}: growth over ${RUNS - WARM_UP} runs`, late - early, 5, 'MiB')
  await jobs.close()
}
