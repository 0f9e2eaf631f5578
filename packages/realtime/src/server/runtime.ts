import { reportFailure, systemClock, type Clock, type ErrorReporter } from '@msc/core'

/** What every part of the server has from outside. */
export interface Runtime {
  readonly clock: Clock
  /** Reports what fails where nobody waits. Never throws. */
  report(error: unknown, operation: string, details?: Readonly<Record<string, unknown>>): void
}

export function createRuntime(clock: Clock = systemClock, onError?: ErrorReporter): Runtime {
  return {
    clock,
    report: (error, operation, details = {}) =>
      reportFailure(error, { ...details, concern: 'realtime', driver: 'server', operation }, onError),
  }
}
