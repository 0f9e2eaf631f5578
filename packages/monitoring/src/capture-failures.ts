import { reportFailure, setErrorReporter, type FailureContext } from '@msc/core'
import { captureException } from './default-monitoring.ts'
import type { Breadcrumb } from './signals.ts'

export interface CaptureFailuresOptions {
  /** Returns the breadcrumbs of a failure, if its context has any, such as the steps of a job's run. */
  readonly breadcrumbs?: (context: FailureContext) => readonly Breadcrumb[] | undefined
}

/**
 * Captures every failure that nobody awaits, of every package in this process. Tags say where it happened (`concern`,
 * `operation`, `driver`, `job`); other details go to `extra`. Failures of monitoring itself go to the console, since to
 * report them would fail too.
 *
 * @returns A function that restores the previous reporter.
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

/** Reports a failure as if no reporter were set. */
function reportToConsole(error: Error, context: FailureContext): void {
  const restore = setErrorReporter(undefined)
  reportFailure(error, context)
  restore()
}
