import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres, type RunningPostgres } from '@msc/core/testing/postgres'
import { benchClaims } from './claims.ts'
import { database } from './database.ts'
import { benchRecovery } from './recovery.ts'
import { benchWorkers } from './workers.ts'
import { median } from '../measure.ts'
import { startRedisServer } from '../redis-server.ts'
import { atLeast, target } from '../targets.ts'

interface Figures {
  readonly rate: number
  readonly p50: number
}

const ROUNDS = 3
const script = fileURLToPath(new URL('worker.ts', import.meta.url))

export async function benchJobs(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'msc-bench-jobs-'))
  const postgres = await startPostgres({ durable: true })
  const redis = await startRedisServer()
  try {
    await benchRates(folder, postgres, redis.url)
    await benchClaims(folder, postgres)
    await benchWorkers(postgres)
    await benchRecovery(folder)
  } finally {
    await redis.close()
    await postgres.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** 1 000 jobs at once, then one after the other; each contender in a process and a database of its own, in turn. */
async function benchRates(folder: string, postgres: RunningPostgres, redisUrl: string): Promise<void> {
  const rows: readonly (readonly [label: string, name: string, where: 'file' | 'database' | 'redis'])[] = [
    ['@msc/jobs, sqlite, WAL NORMAL', 'ours-sqlite', 'file'],
    ['@msc/jobs, sqlite, WAL FULL', 'ours-sqlite-power', 'file'],
    ['openworkflow, sqlite, WAL FULL', 'openworkflow-sqlite', 'file'],
    ['@msc/jobs, postgres', 'ours-postgres', 'database'],
    ['openworkflow, postgres', 'openworkflow-postgres', 'database'],
    ['DBOS, postgres', 'dbos', 'database'],
    ['graphile-worker, postgres, 1 step', 'graphile', 'database'],
    ['pg-boss, postgres, 1 step', 'pg-boss', 'database'],
    ['BullMQ, redis in memory, 1 step', 'bullmq', 'redis'],
  ]
  const seen = new Map<string, Figures[]>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [, name, where] of rows) {
      const at =
        where === 'file'
          ? join(folder, `${name}-${round}.db`)
          : where === 'redis'
            ? redisUrl
            : await database(postgres, `${name.replaceAll('-', '_')}_${round}`)
      seen.set(name, [...(seen.get(name) ?? []), await run(name, at)])
    }
  }
  const of = (name: string): Figures => {
    const all = seen.get(name) ?? []
    return { rate: median(all.map(({ rate }) => rate)), p50: median(all.map(({ p50 }) => p50)) }
  }
  console.log(`\n1 000 jobs of two steps at once, and one after the other; medians of ${ROUNDS} rounds`)
  for (const [label, name] of rows) {
    const { rate, p50 } = of(name)
    console.log(`  ${label.padEnd(36)} ${rate.toFixed(0).padStart(6)} jobs/s   p50 ${p50.toFixed(2).padStart(7)} ms`)
  }
  const ratio = (ours: string, theirs: string): number => of(ours).rate / of(theirs).rate
  atLeast('sqlite beside openworkflow, both with WAL FULL', ratio('ours-sqlite-power', 'openworkflow-sqlite'), 5, '×')
  target('sqlite, enqueue to done, p50, WAL NORMAL', of('ours-sqlite').p50, 3, 'ms')
  target('sqlite, enqueue to done, p50, WAL FULL', of('ours-sqlite-power').p50, 3, 'ms')
  atLeast('postgres beside DBOS', ratio('ours-postgres', 'dbos'), 2, '×')
  atLeast('postgres beside openworkflow', ratio('ours-postgres', 'openworkflow-postgres'), 2, '×')
}

function run(name: string, where: string): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const child = fork(script, [name, where], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    let figures: Figures | undefined
    child.on('message', (message) => (figures = message as Figures))
    child.once('error', reject)
    child.once('close', (code) => {
      if (figures) resolve(figures)
      else reject(new Error(`${name} ended with code ${code} and no figures`))
    })
  })
}
