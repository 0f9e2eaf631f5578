import { ValidationError } from '@msc/core'
import type { NewRun, RunRecord, StepRecord } from './store.ts'

/**
 * A run like an ended one. Steps that were completed before `fromStep` began are taken over; without it, none.
 *
 * @throws ValidationError when the run does not exist or goes on, or the step is none of its.
 */
export function replayOf(
  id: string,
  found: { readonly run: RunRecord; readonly steps: readonly StepRecord[] } | undefined,
  fromStep: string | undefined,
  newId: string,
  now: number,
): NewRun {
  if (!found) throw refusal(`There is no run ${id}.`, 'JOB_RUN_UNKNOWN')
  const { run, steps } = found
  if (run.endedAt === undefined) throw refusal(`Run ${id} has not ended; cancel it first.`, 'JOB_RUN_OPEN')
  const own = steps.filter(({ key }) => !key.startsWith('rollback:') && key !== 'on-failure')
  const from = own.find(({ key }) => key === fromStep)
  if (fromStep !== undefined && !from) {
    const known = own.map(({ key }) => key).join(', ')
    throw refusal(`Run ${id} has no step ${JSON.stringify(fromStep)}. It has: ${known || 'none'}.`, 'JOB_STEP_UNKNOWN')
  }
  const undone = new Set(steps.filter(({ status }) => status === 'completed').map(({ key }) => key))
  return {
    id: newId,
    job: run.job,
    events: run.events,
    carrier: run.carrier,
    createdAt: now,
    rank: now,
    replayOf: id,
    // What was rolled back has to be done again.
    steps: from
      ? own.filter(({ key, seq, status }) => seq < from.seq && status === 'completed' && !undone.has(`rollback:${key}`))
      : [],
  }
}

function refusal(message: string, code: string): ValidationError {
  return new ValidationError(`[msc/jobs] ${message}`, [], { code })
}
