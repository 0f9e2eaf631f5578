import { newTrace, formatTraceparent, type CancelTimer, type Carrier, type Clock } from '@msc/core'
import type { Cron } from 'croner'
import { parseCron } from './cron-pattern.ts'
import type { AnyJob, CronTrigger, JobEvent } from './define-job.ts'
import { SCHEDULED } from './payloads.ts'
import type { Enqueue, JobStore } from './store.ts'

export interface SchedulePorts {
  readonly store: Pick<JobStore, 'gates'>
  readonly clock: Clock
  /** Stores a run; does nothing when another process has been quicker. */
  start(job: AnyJob, event: JobEvent, carrier: Carrier, gates: NonNullable<Enqueue['gates']>): Promise<void>
  reportFailure(operation: string, error: unknown, details?: Readonly<Record<string, unknown>>): void
}

/** No single timer is trusted for longer: the machine may sleep, and its clock may be set. */
const LOOK_AGAIN_MS = 30_000
/** How far the clocks of two machines may differ. */
const SKEW_MS = 60_000

/**
 * Starts the jobs that have a cron trigger. An occurrence has one id in all processes, so it runs once; of those that
 * passed while nobody was there, the latest is made up for.
 */
export function createSchedule(ports: SchedulePorts): { start(jobs: readonly AnyJob[]): void; close(): void } {
  const { store, clock } = ports
  const timers = new Map<string, CancelTimer>()
  let closed = false

  const fire = async (job: AnyJob, { cron }: CronTrigger, key: string, at: number): Promise<void> => {
    const [gate] = await store.gates([key])
    const last = gate && gate.version > 0 ? Number(gate.value) : undefined
    // A gate of tomorrow was written by a clock that was wrong, and must not close it until then. What did run has the
    // same id, and does not run again.
    if (last !== undefined && last >= at && last <= clock.now() + SKEW_MS) return
    const event = { id: `${key}:${at}`, name: SCHEDULED, data: { cron }, ts: at }
    const gates = [{ key, version: gate?.version ?? 0, value: String(at), expiresAt: at + 366 * 86_400_000 }]
    await ports.start(job, event, { traceparent: formatTraceparent(newTrace()) }, gates)
  }

  const guarded = (job: AnyJob, work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => ports.reportFailure('schedule', error, { job: job.id }))

  const follow = (job: AnyJob, trigger: CronTrigger, key: string): void => {
    const pattern = parseCron(trigger)
    const next = (): void => {
      if (closed) return
      let seen = clock.now()
      const at = pattern.nextRun(new Date(seen))?.getTime()
      if (at === undefined) return
      const wait = (): void => {
        const now = clock.now()
        // Set back: what is due next is due before `at`, perhaps by a year.
        if (now < seen) return next()
        seen = now
        const left = at - now
        // The wall clock decides, and may be set while a timer runs.
        if (left > 0) return void timers.set(key, clock.setTimeout(wait, Math.min(left, LOOK_AGAIN_MS)))
        void guarded(job, fire(job, trigger, key, at))
        next()
      }
      wait()
    }
    void guarded(job, makeUp(job, trigger, key, pattern)).finally(next)
  }

  /** Only where it has run before: a job that is new has missed nothing. */
  const makeUp = async (job: AnyJob, trigger: CronTrigger, key: string, pattern: Cron): Promise<void> => {
    const [gate] = await store.gates([key])
    const [latest] = pattern.previousRuns(1, new Date(clock.now()))
    if (gate && gate.version > 0) {
      if (latest && latest.getTime() > Number(gate.value)) await fire(job, trigger, key, latest.getTime())
    }
  }

  return {
    start(jobs) {
      for (const job of jobs) {
        for (const trigger of job.triggers) {
          if ('cron' in trigger) follow(job, trigger, `cron:${job.id}:${trigger.cron}:${trigger.timezone ?? 'UTC'}`)
        }
      }
    },
    close() {
      closed = true
      for (const cancel of timers.values()) cancel()
    },
  }
}
