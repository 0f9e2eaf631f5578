import { ConfigError } from '@msc/core'
import type { Jobs } from './create-jobs.ts'

export interface RunWorkerOptions {
  /** What tells it to stop. Default SIGTERM and SIGINT. */
  readonly signals?: readonly ('SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT')[]
}

/**
 * Runs jobs until the process is told to stop, then begins no further step, lets those that are running finish, gives
 * back what is open for another worker to go on with at once, and resolves. A second signal does not wait. The process
 * ends by itself when nothing else keeps it.
 *
 * @throws ConfigError where the vendor calls our handler and there is nothing to run.
 */
export async function runWorker(jobs: Jobs, options: RunWorkerOptions = {}): Promise<void> {
  const { signals = ['SIGTERM', 'SIGINT'] } = options
  if (!jobs.selfDriven) {
    throw new ConfigError(`[msc/jobs] [${jobs.driverName}] has no worker: the vendor calls \`jobs.handler()\`.`, {
      code: 'JOBS_NO_WORKER',
      hint: 'Serve `jobs.handler` at /api/inngest instead.',
    })
  }
  let stop = (_signal: NodeJS.Signals): void => {}
  const told = new Promise<NodeJS.Signals>((resolve) => (stop = resolve))
  for (const signal of signals) process.once(signal, stop)
  // Neither a listener of signals nor an idle worker keeps a process from ending.
  const stay = setInterval(() => {}, 2_147_483_647)
  try {
    await jobs.start()
    await told
  } finally {
    // Whoever asks again means it: without a listener, the signal ends the process.
    for (const signal of signals) process.removeListener(signal, stop)
    await jobs.close().finally(() => clearInterval(stay))
  }
}
