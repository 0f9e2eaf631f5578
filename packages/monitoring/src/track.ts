import type { CaptureContext, Monitoring } from './create-monitoring.ts'

/**
 * `fn`, reporting what it throws or rejects with under `name`, then throwing it on. Works for sync and async functions
 * and keeps `this`.
 */
export function trackErrors<Args extends unknown[], Result>(
  monitoring: () => Monitoring,
  fn: (...args: Args) => Result,
  context: CaptureContext,
): (...args: Args) => Result {
  return function tracked(this: unknown, ...args: Args): Result {
    const report = (error: unknown): never => {
      monitoring().captureException(error, context)
      throw error
    }
    let result: Result
    try {
      result = fn.apply(this, args)
    } catch (error) {
      return report(error)
    }
    return isThenable(result) ? (result.then(undefined, report) as Result) : result
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
