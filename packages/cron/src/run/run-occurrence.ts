import { deadline, toError, type Clock, type Closing, type Redactor } from '@msc/core'
import type { CronRun } from './cron-run.ts'
import type { CronDefinition } from '../define-cron.ts'
import type { Claim, GuardedClaims } from './guarded-claims.ts'

export interface OccurrenceContext {
  readonly claims: GuardedClaims
  readonly clock: Clock
  readonly closing: Closing
  readonly redact: Redactor
  readonly report: (error: unknown, operation: string, details?: Readonly<Record<string, unknown>>) => void
  readonly record: (run: CronRun) => CronRun
}

/** The two claims of a run: on the occurrence, against duplicates, and on the job, against overlap. */
interface RunClaims {
  readonly occurrence: Claim
  readonly job: Claim
}

/** How long a finished occurrence stays claimed, so that a second delivery is a duplicate: they come within minutes. */
const REMEMBER_MS = 24 * 3600 * 1000

/**
 * Runs one occurrence of `cron`, unless it has already run or the previous run of the job has not ended.
 *
 * @throws UnavailableError `CRON_CLAIMS_UNAVAILABLE` when the claims could not be taken; the reason of `closing` when the
 *   engine closes before the run. Nothing is run or recorded then.
 */
export async function runOccurrence(
  context: OccurrenceContext,
  cron: CronDefinition,
  scheduledAt: number,
): Promise<CronRun> {
  const { claims, clock, record } = context
  const base = { name: cron.name, scheduledAt, startedAt: clock.now() }
  const claimed = await takeClaims(context, cron, scheduledAt)
  if (typeof claimed === 'string') return record({ ...base, outcome: 'skipped', reason: claimed, durationMs: 0 })
  const run = record(await runJob(context, cron, base))
  await claims.settle(claimed.occurrence, REMEMBER_MS)
  await claims.release(claimed.job)
  return run
}

async function takeClaims(
  { claims, closing }: OccurrenceContext,
  cron: CronDefinition,
  scheduledAt: number,
): Promise<RunClaims | 'duplicate' | 'overlap'> {
  const leaseMs = cron.timeoutMs + 60_000
  const occurrence = await claims.claim(`cron:${cron.name}:${scheduledAt}`, leaseMs)
  if (occurrence === undefined) return 'duplicate'
  let job: Claim | undefined
  try {
    job = await claims.claim(`cron:${cron.name}:running`, leaseMs)
    // The run will not start: if its claims were kept, a later delivery would be answered as a duplicate.
    if (job !== undefined && closing.signal.aborted) await claims.release(job)
    closing.signal.throwIfAborted()
  } catch (error) {
    await claims.release(occurrence)
    throw error
  }
  if (job !== undefined) return { occurrence, job }
  // Released, so that a later tick of the same occurrence may still run it.
  await claims.release(occurrence)
  return 'overlap'
}

async function runJob(
  { clock, closing, redact, report }: OccurrenceContext,
  cron: CronDefinition,
  base: Pick<CronRun, 'name' | 'scheduledAt' | 'startedAt'>,
): Promise<CronRun> {
  const { scheduledAt } = base
  const details = { job: cron.name, scheduledAt }
  const from = clock.monotonic()
  try {
    const result: unknown = await closing.during((ending) =>
      deadline((signal) => Promise.resolve(cron.run({ scheduledAt, signal })), {
        operation: `[msc/cron] ${cron.name}`,
        timeoutMs: cron.timeoutMs,
        signal: ending,
        clock,
        report: (error) => report(error, 'abort a run', details),
      }),
    )
    return {
      ...base,
      outcome: 'ok',
      durationMs: clock.monotonic() - from,
      ...(result !== undefined && { result: redact(result) }),
    }
  } catch (error) {
    const durationMs = clock.monotonic() - from
    report(error, 'run', details)
    return { ...base, outcome: 'error', durationMs, error: redact(toError(error).message) }
  }
}
