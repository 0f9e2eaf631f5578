import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createJobs } from '@msc/jobs'
import { embedded } from '@msc/jobs/embedded'
import { postgresStore } from '@msc/jobs/stores/postgres'
import type { RunningPostgres } from '@msc/core/testing/postgres'
import { ioJob } from './io.ts'
import { database } from './database.ts'
import { median } from '../measure.ts'
import { atLeast, exactly } from '../targets.ts'

const JOBS = 3000
const ROUNDS = 3
const script = fileURLToPath(new URL('io-worker.ts', import.meta.url))

/** What 1 worker does and what 4 do, of jobs that wait for 20 ms in a step; each worker has 5 at a time. */
export async function benchWorkers(postgres: RunningPostgres): Promise<void> {
  const rates: Record<number, number[]> = { 1: [], 4: [] }
  let repeated = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (const workers of [1, 4]) {
      const url = await database(postgres, `workers_${workers}_${round}`)
      const { rate, twice } = await run(url, workers)
      rates[workers]?.push(rate)
      repeated += twice
    }
  }
  const [one, four] = [median(rates[1] ?? []), median(rates[4] ?? [])]
  console.log(`\n${JOBS} jobs with 20 ms of I/O in a step, on Postgres, 5 at a time for each worker`)
  console.log(`  1 worker   ${one.toFixed(0)} jobs/s\n  4 workers  ${four.toFixed(0)} jobs/s`)
  atLeast('4 workers beside 1', four / one, 3.5, '×')
  exactly('jobs that ran twice', repeated, 0, 'jobs')
}

async function run(url: string, workers: number): Promise<{ rate: number; twice: number }> {
  const sender = createJobs({ jobs: [ioJob(() => {})], driver: embedded({ store: postgresStore({ url }) }) })
  await sender.sendMany(Array.from({ length: JOBS }, (_, n) => ({ name: 'bench/io', data: { n } })))
  const children = Array.from({ length: workers }, () =>
    fork(script, [url], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  )
  await Promise.all(children.map((child) => once(child, 'message')))
  const ran = new Map<number, number>()
  let count = 0
  const from = performance.now()
  await new Promise<void>((resolve) => {
    for (const child of children) {
      child.on('message', (numbers: number[]) => {
        for (const n of numbers) ran.set(n, (ran.get(n) ?? 0) + 1)
        count += numbers.length
        if (count >= JOBS) resolve()
      })
      child.send('go')
    }
  })
  const rate = (JOBS / (performance.now() - from)) * 1000
  await Promise.all(children.map(stop))
  await sender.close()
  return { rate, twice: [...ran.values()].filter((times) => times > 1).length + (JOBS - ran.size) }
}

async function stop(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.send('stop')
  await closed
}
