import { MscError, sleep, type Clock } from '@msc/core'
import type { StepChange } from './replay.ts'
import type { ClaimedRun, JobStore, RunChange, WriteResult } from './store.ts'

/** What one worker writes of one run, in order. */
export interface RunWriter {
  /** Notes a step; it is written with what else is noted in this turn of the event loop. */
  save(change: StepChange): Promise<WriteResult>
  /** Writes what is noted, and `last` with it. */
  write(last?: Pick<RunChange, 'park' | 'end' | 'failure'>): Promise<WriteResult>
}

const RETRIES = 5

export function createRunWriter(
  store: Pick<JobStore, 'write'>,
  { run, epoch }: Pick<ClaimedRun, 'run' | 'epoch'>,
  clock: Clock,
): RunWriter {
  let noted: StepChange[] = []
  let writing: Promise<WriteResult> = Promise.resolve('written')

  /** A store that is away for a moment costs no step that was done; the lease is renewed meanwhile. */
  const persist = async (change: RunChange): Promise<WriteResult> => {
    for (let attempt = 0; ; attempt++) {
      try {
        return await store.write(change)
      } catch (error) {
        if (attempt >= RETRIES || (MscError.isInstance(error) && !error.retryable)) throw error
        await sleep(50 * 2 ** attempt, { clock })
      }
    }
  }

  const write: RunWriter['write'] = (last) => {
    if (noted.length === 0 && !last) return writing
    const waits = Object.fromEntries(noted.flatMap(({ step, wait }) => (wait ? [[step.key, wait]] : [])))
    const spawn = noted.flatMap((change) => change.spawn ?? [])
    const steps = noted.map(({ step }) => step)
    noted = []
    writing = writing.then((before) => {
      if (before === 'lost') return before
      return persist({
        id: run.id,
        epoch,
        now: clock.now(),
        ...(steps.length > 0 && { steps, waits }),
        ...(spawn.length > 0 && { spawn }),
        ...last,
      })
    })
    // Whoever noted something hears of it; nobody else may be listening.
    writing.catch(() => undefined)
    return writing
  }

  return {
    save(change) {
      noted.push(change)
      return new Promise((resolve, reject) => setImmediate(() => write().then(resolve, reject)))
    },
    write,
  }
}
