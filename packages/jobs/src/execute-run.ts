import { type Clock, toError } from '@msc/core'
import type { AnyJob, EventInput } from './define-job.ts'
import type { RunInfo } from './driver.ts'
import { replay, type ReplayPorts, type Rollback } from './replay.ts'
import { toRunInfo, type ClaimedRun, type JobStore, type RunEnd, type StepRecord } from './store.ts'
import { judge, toFailure } from './verdict.ts'

export interface ExecutePorts {
  readonly store: JobStore
  readonly clock: Clock
  readonly signal: AbortSignal
  send(events: readonly EventInput[]): Promise<string[]>
  onStep: ReplayPorts['onStep']
  onRunEnd(run: RunInfo, error?: Error): void
}

export type RunOutcome = 'completed' | 'failed' | 'parked' | 'retrying' | 'lost'

/** Carries a claimed run as far as it goes now: to its end, or to the next time it has to wait for. */
export async function executeRun(job: AnyJob, claimed: ClaimedRun, ports: ExecutePorts): Promise<RunOutcome> {
  const { store, clock } = ports
  const { run, token } = claimed
  const saved = new Map(claimed.steps.map((step) => [step.key, step]))
  const saveStep = async (step: StepRecord): Promise<boolean> => {
    saved.set(step.key, step)
    return store.saveStep(run.id, token, step)
  }
  const end = async (ending: RunEnd, error?: Error): Promise<RunOutcome> => {
    const now = clock.now()
    if (!(await store.end(run.id, token, ending, now))) return 'lost'
    ports.onRunEnd(toRunInfo({ ...run, ...ending, endedAt: now }, [...saved.values()]), error)
    return ending.status
  }

  const outcome = await replay(job, claimed, { ...ports, saveStep })
  if (outcome.kind === 'lost') return 'lost'
  if (outcome.kind === 'waiting') {
    const parked = await store.park(run.id, token, { wakeAt: outcome.wakeAt, attempt: run.attempt })
    return parked ? 'parked' : 'lost'
  }
  if (outcome.kind === 'returned' && !run.failure) return end({ status: 'completed', result: outcome.value })

  // A run that is rolling back keeps the error it failed with, whatever this pass did.
  let failure = run.failure
  const error = outcome.kind === 'threw' ? outcome.error : undefined
  if (!failure) {
    const verdict = judge(error, run.attempt + 1, job)
    if ('retryInMs' in verdict) {
      const wakeAt = clock.now() + verdict.retryInMs
      return (await store.park(run.id, token, { wakeAt, attempt: run.attempt + 1 })) ? 'retrying' : 'lost'
    }
    failure = toFailure(error)
    if (!(await store.markFailing(run.id, token, failure))) return 'lost'
  }

  const rollbacks = outcome.kind === 'threw' ? outcome.rollbacks : []
  const wakeAt = await rollBack(job, rollbacks, saved, { ...ports, saveStep })
  if (wakeAt === 'lost') return 'lost'
  if (wakeAt !== undefined) {
    return (await store.park(run.id, token, { wakeAt, attempt: run.attempt })) ? 'parked' : 'lost'
  }
  const thrown =
    error === undefined ? Object.assign(new Error(failure.message), { name: failure.name }) : toError(error)
  await notifyFailure(job, claimed, thrown, saved, { ...ports, saveStep })
  return end({ status: 'failed', error: failure }, thrown)
}

/**
 * Undoes one step after the other, each recorded as a step of its own. One that keeps failing is recorded as failed, and
 * the next goes on. Returns when to come back, where an attempt has to wait.
 */
async function rollBack(
  job: AnyJob,
  rollbacks: readonly Rollback[],
  saved: Map<string, StepRecord>,
  ports: Pick<ReplayPorts, 'clock' | 'onStep' | 'saveStep'>,
): Promise<number | 'lost' | undefined> {
  const { clock } = ports
  for (const rollback of rollbacks) {
    const key = `rollback:${rollback.key}`
    const known = saved.get(key)
    if (known?.status === 'completed' || known?.status === 'failed') continue
    if (known?.wakeAt !== undefined && known.wakeAt > clock.now()) return known.wakeAt
    const from = clock.monotonic()
    const attempts = (known?.attempts ?? 0) + 1
    const base = { key, seq: known?.seq ?? nextSeq(saved), attempts, startedAt: known?.startedAt ?? clock.now() }
    let step: StepRecord
    try {
      await rollback.run()
      step = { ...base, status: 'completed', endedAt: clock.now(), output: null }
    } catch (error) {
      const verdict = judge(error, attempts, job)
      step =
        'final' in verdict
          ? { ...base, status: 'failed', endedAt: clock.now(), error: toFailure(error) }
          : { ...base, status: 'retrying', error: toFailure(error), wakeAt: clock.now() + verdict.retryInMs }
    }
    if (!(await ports.saveStep(step))) return 'lost'
    ports.onStep(step, step.status === 'completed' ? 'rolled-back' : 'error', clock.monotonic() - from)
    if (step.status === 'retrying') return step.wakeAt
  }
  return undefined
}

/** Recorded, so that a crash before the run's end does not call it twice. */
async function notifyFailure(
  job: AnyJob,
  claimed: ClaimedRun,
  error: Error,
  saved: Map<string, StepRecord>,
  ports: Pick<ReplayPorts, 'clock' | 'saveStep'>,
): Promise<void> {
  const key = 'on-failure'
  if (!job.onFailure || saved.has(key)) return
  const { clock } = ports
  const base = { key, seq: nextSeq(saved), attempts: 1, startedAt: clock.now() }
  try {
    await job.onFailure({ error, event: claimed.run.event as never, runId: claimed.run.id })
    await ports.saveStep({ ...base, status: 'completed', endedAt: clock.now(), output: null })
  } catch (thrown) {
    await ports.saveStep({ ...base, status: 'failed', endedAt: clock.now(), error: toFailure(thrown) })
  }
}

function nextSeq(saved: ReadonlyMap<string, StepRecord>): number {
  let next = 0
  for (const { seq } of saved.values()) next = Math.max(next, seq + 1)
  return next
}
