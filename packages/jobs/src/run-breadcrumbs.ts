import type { RunInfo, StepInfo } from './driver.ts'

/** One of the breadcrumbs that `captureException` of `@msc/monitoring` takes. */
export interface RunBreadcrumb {
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly category: 'jobs.step'
  readonly message: string
  readonly level: 'info' | 'error'
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * The steps of a run as breadcrumbs, in the order they ended: what a failure report needs of a run whose steps ran in
 * other processes, or days ago. Outputs are left out. `undefined` for what is no run, as the failures of other packages
 * have none.
 */
export function runBreadcrumbs(run: RunInfo): RunBreadcrumb[]
export function runBreadcrumbs(run: unknown): RunBreadcrumb[] | undefined
export function runBreadcrumbs(given: unknown): RunBreadcrumb[] | undefined {
  if (typeof given !== 'object' || given === null || !('job' in given && 'createdAt' in given)) return undefined
  const run = given as RunInfo
  const at = ({ endedAt, startedAt }: StepInfo): number => endedAt ?? startedAt ?? run.endedAt ?? run.createdAt
  return (run.steps ?? [])
    .map((step): RunBreadcrumb => {
      const { id, status, attempts, error } = step
      return {
        timestamp: at(step),
        category: 'jobs.step',
        message: `${id} → ${status}`,
        level: error ? 'error' : 'info',
        data: {
          job: run.job,
          runId: run.id,
          ...(attempts !== undefined && { attempts }),
          ...(error && { error: `${error.name}: ${error.message}` }),
        },
      }
    })
    .toSorted((a, b) => a.timestamp - b.timestamp)
}
