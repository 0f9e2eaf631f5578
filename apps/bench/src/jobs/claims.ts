import { join } from 'node:path'
import type { JobStore, NewRun } from '@msc/jobs'
import { postgresStore } from '@msc/jobs/stores/postgres'
import { sqliteStore } from '@msc/jobs/stores/sqlite'
import type { RunningPostgres } from '@msc/core/testing/postgres'
import { database } from './database.ts'
import { median } from '../measure.ts'
import { target } from '../targets.ts'

const FEW = 1000
const MANY = 100_000
const CLAIMS = 100
const AT_ONCE = 5

/** What it costs to claim 5 runs and to end them, with 1 000 runs in the queue and with 100 000. */
export async function benchClaims(folder: string, postgres: RunningPostgres): Promise<void> {
  console.log(`\nClaiming ${AT_ONCE} runs and ending them, with ${FEW} and with ${MANY} in the queue`)
  const stores: readonly [string, (name: string) => Promise<JobStore>][] = [
    ['sqlite', async (name) => sqliteStore({ path: join(folder, `${name}.db`) })],
    ['postgres', async (name) => postgresStore({ url: await database(postgres, name) })],
  ]
  for (const [name, open] of stores) {
    const few = await open(`claims_few`)
    const many = await open(`claims_many`)
    await fill(few, FEW)
    await fill(many, MANY)
    // In turn, so that a machine that slows down slows both.
    const times: [number[], number[]] = [[], []]
    for (let i = 0; i < CLAIMS; i++) {
      times[0].push(await claim(few))
      times[1].push(await claim(many))
    }
    const [one, other] = [median(times[0]), median(times[1])]
    console.log(`  ${name.padEnd(10)} ${one.toFixed(2)} ms, ${other.toFixed(2)} ms`)
    target(`${name}: ${MANY} queued beside ${FEW}`, other / one, 1.5, '×')
    await few.close()
    await many.close()
  }
}

async function fill(store: JobStore, count: number): Promise<void> {
  for (let from = 0; from < count; from += 1000) {
    const runs = Array.from({ length: Math.min(1000, count - from) }, (_, index): NewRun => {
      const id = `run-${from + index}`
      const event = { id, name: 'bench/one', data: { n: from + index }, ts: 1000 }
      const carrier = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }
      return { id, job: 'one', events: [event], carrier, createdAt: 1000, rank: 1000 + from + index }
    })
    await store.enqueue({ runs, events: [], now: 1000 })
  }
}

async function claim(store: JobStore): Promise<number> {
  const from = performance.now()
  const claimed = await store.claim('host/1/0/bench', 2000, 10_000, AT_ONCE)
  if (claimed.length !== AT_ONCE) throw new Error('The queue is empty')
  await Promise.all(
    claimed.map(({ run, epoch }) =>
      store.write({ id: run.id, epoch, now: 2000, end: { status: 'completed', result: null } }),
    ),
  )
  return performance.now() - from
}
