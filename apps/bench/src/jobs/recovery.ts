import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createJobs, defineJob } from '@msc/jobs'
import { embedded } from '@msc/jobs/embedded'
import { sqliteStore } from '@msc/jobs/stores/sqlite'
import { median } from '../measure.ts'
import { target } from '../targets.ts'

const ROUNDS = 5
const script = fileURLToPath(new URL('recovery-worker.ts', import.meta.url))

/** From the kill of a worker in a step until another, with default settings, has run that step. */
export async function benchRecovery(folder: string): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const path = join(folder, `recovery-${round}.db`)
    const child = fork(script, [path], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    await once(child, 'message')
    let finish: () => void = () => {}
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const job = defineJob({ id: 'hang', triggers: [{ event: 'bench/hang' }] }, ({ step }) =>
      step.run('hang', () => finish()),
    )
    const jobs = createJobs({ jobs: [job], driver: embedded({ store: sqliteStore({ path }) }) })
    await jobs.start()
    // Not always at the same point of the other's polling.
    await new Promise((resolve) => setTimeout(resolve, 300 * round))
    const from = performance.now()
    child.kill('SIGKILL')
    await finished
    times.push(performance.now() - from)
    await jobs.close()
  }
  console.log(
    `\nFrom the kill of a worker until another has run its step, in ms: ${times.map((ms) => ms.toFixed(0)).join(', ')}`,
  )
  target('recovery, median', median(times), 2000, 'ms')
  target('recovery, at most', Math.max(...times), 2000, 'ms')
}
