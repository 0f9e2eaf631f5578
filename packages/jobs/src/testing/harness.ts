import type { Clock } from '@msc/core'
import { withMethods } from '@msc/core/testing'
import { createJobs, type JobList, type Jobs } from '../create-jobs.ts'
import type { JobsDriver, JobsObserver, RunInfo } from '../driver.ts'
import { runBreadcrumbs } from '../run-breadcrumbs.ts'

export interface JobsDriverSetup {
  /** Made on the clock that the suite gave. */
  readonly driver: JobsDriver
  /** Makes the engine reachable and running, where that takes more than `start()`. */
  readonly connect?: (jobs: Jobs) => Promise<void>
  /** Resolves when the backend has nothing more to call for. */
  readonly idle?: () => Promise<void>
  readonly close: () => Promise<void>
}

export interface RunEnd {
  readonly job: string
  readonly status: string
  readonly result: unknown
  readonly message: string | undefined
  /** Of a run that failed: what a report would say of its steps. */
  readonly breadcrumbs: readonly string[]
}

/** One engine over the driver under test, and what it was seen to do. */
export interface Harness {
  readonly clock: Clock
  /** What handlers and steps have said, in order. */
  readonly trace: string[]
  readonly ends: RunEnd[]
  readonly errors: Error[]
  readonly logged: string[]
  say(line: string): void
  /** Whether the driver offers this. */
  observes(operation: keyof JobsObserver): boolean
  start(...jobs: JobList): Promise<Jobs>
  /** Resolves when `count` runs have ended. */
  ended(count: number): Promise<void>
  close(): Promise<void>
}

export function createHarness(setup: JobsDriverSetup, clock: Clock): Harness {
  const { driver } = setup
  const trace: string[] = []
  const ends: RunEnd[] = []
  const errors: Error[] = []
  const logged: string[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  let jobs: Jobs | undefined

  const bind: JobsDriver['bind'] = (host) =>
    driver.bind({
      ...host,
      onRunEnd(run: RunInfo, error?: Error) {
        const breadcrumbs = error ? runBreadcrumbs(run).map(({ message }) => message) : []
        ends.push({
          job: run.job,
          status: run.status,
          result: run.result,
          message: run.error?.message,
          breadcrumbs,
        })
        host.onRunEnd(run, error)
        for (const { count, resolve } of waiting) if (ends.length >= count) resolve()
      },
    })
  const observed = withMethods(driver, { bind })
  const log = (message: string): void => void logged.push(message.replace(/^\[\S+ \S+\] /, ''))
  return {
    clock,
    trace,
    ends,
    errors,
    logged,
    say: (line) => void trace.push(line),
    observes: (operation) => driver.observe?.[operation] !== undefined,
    async start(...definitions) {
      jobs = createJobs({
        jobs: definitions,
        driver: observed,
        clock,
        timeoutMs: 60_000,
        events: ['test/told', 'test/paid', 'test/stop'],
        onError: (error) => errors.push(error),
        log: { debug: log, info: log, warn: log, error: log },
      })
      await jobs.start()
      await setup.connect?.(jobs)
      return jobs
    },
    ended(count) {
      if (ends.length >= count) return Promise.resolve()
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${ends.length} of ${count} runs have ended. Trace: ${trace.join(', ')}`)),
          15_000,
        )
        waiting.push({
          count,
          resolve: () => {
            clearTimeout(timer)
            resolve()
          },
        })
      })
    },
    async close() {
      await setup.idle?.()
      await jobs?.close()
      await setup.close()
    },
  }
}
