import { toError, type Clock } from '@msc/core'
import type { AnyJob, JobEvent } from './define-job.ts'
import type { RunInfo } from './driver.ts'
import { replay, type ReplayPorts } from './replay.ts'
import { notifyFailure, rollBack } from './rollback.ts'
import { createRunWriter } from './run-writer.ts'
import { toRunInfo, type ClaimedRun, type JobStore, type RunEnd } from './store.ts'
import { judge, toFailure } from './verdict.ts'

export interface ExecutePorts extends Pick<
  ReplayPorts,
  'send' | 'spawn' | 'watchStep' | 'log' | 'signal' | 'draining' | 'reportAbort'
> {
  readonly store: Pick<JobStore, 'write'>
  readonly clock: Clock
  onRunEnd(run: RunInfo, error?: Error): void
}

export type RunOutcome = 'completed' | 'failed' | 'parked' | 'retrying' | 'lost'

/**
 * Carries a claimed run as far as it goes now: to its end, or to the next time it has to wait for.
 *
 * @throws what the store threw when it did not take what was done; the run is another's once the lease has ended.
 */
export async function executeRun(job: AnyJob, claimed: ClaimedRun, ports: ExecutePorts): Promise<RunOutcome> {
  const { store, clock } = ports
  const { run } = claimed
  const saved = new Map(claimed.steps.map((step) => [step.key, step]))
  const writer = createRunWriter(store, claimed, clock)
  const save: ReplayPorts['save'] = (change) => {
    saved.set(change.step.key, change.step)
    return writer.save(change)
  }
  const park = async (wakeAt: number, attempt: number, outcome: 'parked' | 'retrying'): Promise<RunOutcome> =>
    (await writer.write({ park: { wakeAt, attempt } })) === 'lost' ? 'lost' : outcome
  const end = async (ending: RunEnd, error?: Error): Promise<RunOutcome> => {
    if ((await writer.write({ end: ending })) === 'lost') return 'lost'
    ports.onRunEnd(toRunInfo({ ...run, ...ending, endedAt: clock.now() }, [...saved.values()]), error)
    return ending.status
  }

  const outcome = await replay(job, claimed, { ...ports, save, saved: () => writer.write() })
  if (outcome.kind === 'lost') {
    if (outcome.error !== undefined) throw toError(outcome.error)
    return 'lost'
  }
  if (outcome.kind === 'waiting') return park(outcome.wakeAt, run.attempt, 'parked')
  if (outcome.kind === 'returned' && !run.failure) return end({ status: 'completed', result: outcome.value })

  // A run that is rolling back keeps the error it failed with, whatever this pass did.
  let failure = run.failure
  const error = outcome.kind === 'threw' ? outcome.error : undefined
  if (!failure) {
    const verdict = judge(error, run.attempt + 1, job)
    if ('retryInMs' in verdict) return park(clock.now() + verdict.retryInMs, run.attempt + 1, 'retrying')
    const unfinishedAt = outcome.kind === 'threw' ? outcome.unfinishedAt : undefined
    // What was begun beside the step that failed has an end first: it may have to be undone.
    if (unfinishedAt !== undefined) return park(unfinishedAt, run.attempt, 'parked')
    failure = toFailure(error)
    if ((await writer.write({ failure })) === 'lost') return 'lost'
  } else if ((await writer.write()) === 'lost') return 'lost'

  const wakeAt = await rollBack(job, outcome.rollbacks, saved, { clock, writer, watchStep: ports.watchStep })
  if (wakeAt === 'lost') return 'lost'
  if (wakeAt !== undefined) return park(wakeAt, run.attempt, 'parked')
  const thrown = error === undefined || run.failure ? revive(failure) : toError(error)
  const event = run.events[0] as JobEvent
  if (!(await notifyFailure(job, { error: thrown, event, runId: run.id }, saved, { clock, writer }))) return 'lost'
  return end({ status: 'failed', error: failure }, thrown)
}

/** The error that an earlier pass met, as far as it was stored. */
function revive({ name, message, stack }: { name: string; message: string; stack?: string }): Error {
  const error = Object.assign(new Error(message), { name })
  if (stack !== undefined) error.stack = stack
  return error
}
