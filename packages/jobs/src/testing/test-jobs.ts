import { duration, type Duration } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { createJobs, type Jobs, type JobsOptions } from '../create-jobs.ts'
import type { RunInfo } from '../driver.ts'
import { embedded } from '../drivers/embedded.ts'
import type { ClaimedRun, JobStore, RunChange } from '../store.ts'
import { memoryStore } from '../stores/memory.ts'

export interface TestJobs {
  readonly jobs: Jobs
  /** Stands still but for `finish` and `advance`. */
  readonly clock: ManualClock
  /**
   * Goes on until there is nothing more to do, jumping over every sleep, wait and retry, and returns all runs with their
   * steps, the oldest first. A job of cron is never done: give it `within`, of the clock's time. Default: 366 days.
   */
  finish(options?: { readonly within?: Duration }): Promise<RunInfo[]>
  /** Moves time on by so much, and returns when all that was due by then has been done. */
  advance(time: Duration): Promise<void>
  close(): Promise<void>
}

const CENTURY_MS = 100 * 365 * 86_400_000
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

/** The engine on a clock of its own: a job that sleeps for 30 days is tested in milliseconds. */
export async function createTestJobs(
  options: Omit<JobsOptions, 'driver' | 'clock' | 'timeoutMs'> & { readonly startMs?: number },
): Promise<TestJobs> {
  const clock = createManualClock(options.startMs)
  const { store, held, changed } = watched(memoryStore({ keep: Infinity }))
  // No lease ends and nothing is looked for: time passes in jumps, and nobody else has this store.
  const retention = { completed: '36500d', failed: '36500d', keep: 1e9 }
  const driver = embedded({ store, clock, pollMs: CENTURY_MS, leaseMs: 3 * CENTURY_MS, retention })
  const jobs = createJobs({ onError: () => {}, log: SILENT, ...options, driver, clock, timeoutMs: CENTURY_MS })
  await jobs.start()

  /** Until nothing is being worked on and nothing could be. */
  const quiet = async (): Promise<void> => {
    for (;;) {
      const change = changed()
      // The store answers at once: after this, the worker has claimed what there was or waits for its timer.
      await new Promise((resolve) => setImmediate(resolve))
      if (held.size > 0) await change
      else if (((await store.nextDue()) ?? Infinity) > clock.now()) return
      else await clock.advance(1)
    }
  }

  /** Up to `until`, one thing that is due after the other. */
  const pass = async (until: number): Promise<void> => {
    for (;;) {
      await quiet()
      const at = clock.nextAt
      if (at === undefined || at > until) return
      await clock.advance(at - clock.now())
    }
  }

  return {
    jobs,
    clock,
    async finish({ within = '366d' } = {}) {
      await pass(clock.now() + duration(within))
      const runs = await jobs.runs({ limit: 1e9 })
      const whole = await Promise.all(runs.map(({ id }) => jobs.run(id)))
      return whole.filter((run) => run !== undefined).toReversed()
    },
    async advance(time) {
      const end = clock.now() + duration(time)
      await pass(end)
      await clock.advance(end - clock.now())
    },
    close: () => jobs.close(),
  }
}

/** A store that says which runs are being worked on, and when that changes. */
function watched(store: JobStore): { store: JobStore; held: ReadonlySet<string>; changed(): Promise<void> } {
  const held = new Set<string>()
  let tell = (): void => {}
  let next = new Promise<void>((resolve) => (tell = resolve))
  const change = (claimed: readonly ClaimedRun[], written?: RunChange): void => {
    if (written?.end || written?.park) held.delete(written.id)
    for (const { run } of claimed) held.add(run.id)
    tell()
    next = new Promise((resolve) => (tell = resolve))
  }
  return {
    held,
    changed: () => next,
    store: {
      ...store,
      async claim(...values) {
        const claimed = await store.claim(...values)
        change(claimed)
        return claimed
      },
      async write(written) {
        const result = await store.write(written)
        change([], written)
        return result
      },
      async writeAndClaim(written, more) {
        const done = await store.writeAndClaim(written, more)
        change(done.claimed, written)
        return done
      },
      async cancel(id, now) {
        const cancelled = await store.cancel(id, now)
        held.delete(id)
        change([])
        return cancelled
      },
    },
  }
}
