import type { Clock } from '@msc/core'
import type { AnyJob, JobEvent } from './define-job.ts'
import type { ReplayPorts, Rollback } from './replay.ts'
import type { RunWriter } from './run-writer.ts'
import type { StepRecord } from './store.ts'
import { judge, toFailure } from './verdict.ts'

interface UndoPorts {
  readonly clock: Clock
  readonly watchStep: ReplayPorts['watchStep']
  readonly writer: RunWriter
}

const ok = async (writing: ReturnType<RunWriter['write']>): Promise<boolean> => (await writing) !== 'lost'

/**
 * Undoes one step after the other, each recorded as a step of its own. One that keeps failing is recorded as failed, and
 * the next goes on. Returns when to come back, where an attempt has to wait.
 */
export async function rollBack(
  job: AnyJob,
  rollbacks: readonly Rollback[],
  saved: Map<string, StepRecord>,
  ports: UndoPorts,
): Promise<number | 'lost' | undefined> {
  const { clock, writer } = ports
  for (const rollback of rollbacks) {
    const key = `rollback:${rollback.key}`
    const known = saved.get(key)
    if (known?.status === 'completed' || known?.status === 'failed') continue
    if (known?.wakeAt !== undefined && known.wakeAt > clock.now()) return known.wakeAt
    const watch = ports.watchStep()
    const attempts = (known?.attempts ?? 0) + 1
    const base = { key, seq: known?.seq ?? nextSeq(saved), attempts, startedAt: known?.startedAt ?? clock.now() }
    let step: StepRecord
    try {
      await watch.run(() => rollback.run())
      step = { ...base, status: 'completed', endedAt: clock.now(), output: null }
    } catch (error) {
      const verdict = judge(error, attempts, job)
      step =
        'final' in verdict
          ? { ...base, status: 'failed', endedAt: clock.now(), error: toFailure(error) }
          : { ...base, status: 'retrying', error: toFailure(error), wakeAt: clock.now() + verdict.retryInMs }
    }
    saved.set(key, step)
    if (!(await ok(writer.save({ step })))) return 'lost'
    watch.end(step, step.status === 'completed' ? 'rolled-back' : 'error')
    if (step.status === 'retrying') return step.wakeAt
  }
  return undefined
}

/** Recorded, so that a crash before the run's end does not call it twice. False when the run is lost. */
export async function notifyFailure(
  job: AnyJob,
  { error, event, runId }: { readonly error: Error; readonly event: JobEvent; readonly runId: string },
  saved: Map<string, StepRecord>,
  { clock, writer }: Pick<UndoPorts, 'clock' | 'writer'>,
): Promise<boolean> {
  const key = 'on-failure'
  if (!job.onFailure || saved.has(key)) return true
  const base = { key, seq: nextSeq(saved), attempts: 1, startedAt: clock.now() }
  let step: StepRecord
  try {
    await job.onFailure({ error, event: event as never, runId })
    step = { ...base, status: 'completed', endedAt: clock.now(), output: null }
  } catch (thrown) {
    step = { ...base, status: 'failed', endedAt: clock.now(), error: toFailure(thrown) }
  }
  saved.set(key, step)
  return ok(writer.save({ step }))
}

function nextSeq(saved: ReadonlyMap<string, StepRecord>): number {
  let next = 0
  for (const { seq } of saved.values()) next = Math.max(next, seq + 1)
  return next
}
