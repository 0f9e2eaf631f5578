import { reportFailure, setErrorReporter, type FailureContext } from '@msc/core'
import { captureException } from './default-monitoring.ts'
import type { Breadcrumb } from './signals.ts'

export interface CaptureFailuresOptions {
  /** What came before a failure, where its context knows: the steps of a job's run. */
  readonly breadcrumbs?: (context: FailureContext) => readonly Breadcrumb[] | undefined
}

/**
 * Captures every failure that nobody awaits, of every package in this process: the one place to wire it. Tags say whose
 * failure it is (`concern`, `operation`, `driver`, `job`); the rest of what is known goes to `extra`. Failures of
 * monitoring itself go to the console, since reporting them would fail as well.
 *
 * @returns A function that puts back what was there before.
 */
export function captureFailures(options: CaptureFailuresOptions = {}): () => void {
  return setErrorReporter((error, context) => {
    if (context.concern === 'monitoring') return reportToConsole(error, context)
    const { concern, operation, driver, job, ...details } = context
    const breadcrumbs = options.breadcrumbs?.(context)
    captureException(error, {
      tags: { concern, operation, driver, job: typeof job === 'string' ? job : undefined },
      extra: Object.fromEntries(Object.entries(details).filter(([, value]) => typeof value !== 'object')),
      ...(breadcrumbs && { breadcrumbs }),
    })
  })
}

/** As if there were no reporter. */
function reportToConsole(error: Error, context: FailureContext): void {
  const restore = setErrorReporter(undefined)
  reportFailure(error, context)
  restore()
}
