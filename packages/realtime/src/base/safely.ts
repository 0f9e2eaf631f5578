import { runReported } from '@msc/core'

/**
 * Runs a handler of the application's. One that throws or rejects is reported to the process's reporter, and costs
 * nobody else their message.
 */
export function safely(handler: () => unknown, operation: string = 'handler'): void {
  runReported(handler, { concern: 'realtime', operation })
}
