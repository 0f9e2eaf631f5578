import { reportFailure, systemClock, type Clock, type ErrorReporter } from '@msc/core'
import { createCounters, type Counters } from './counters.ts'

/** What every part of the server has from outside. */
export interface Runtime {
  readonly clock: Clock
  readonly counters: Counters
  /** Reports what fails where nobody waits. Never throws. */
  report(error: unknown, operation: string, details?: Readonly<Record<string, unknown>>): void
  /**
   * Runs the work of a timer's, a socket's or `setImmediate`'s callback. What it throws is reported: uncaught, it would end the
   * process. False when it threw.
   */
  attempt(operation: string, work: () => void): boolean
}

export function createRuntime(clock: Clock = systemClock, onError?: ErrorReporter): Runtime {
  const report: Runtime['report'] = (error, operation, details = {}) =>
    reportFailure(error, { ...details, concern: 'realtime', driver: 'server', operation }, onError)
  return {
    clock,
    counters: createCounters(),
    report,
    attempt(operation, work) {
      try {
        work()
        return true
      } catch (error) {
        report(error, operation)
        return false
      }
    },
  }
}
