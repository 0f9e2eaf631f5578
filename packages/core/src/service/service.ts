import type { Breaker } from './breaker.ts'
import { systemClock, type Clock } from '../time/clock.ts'
import { deadline } from '../time/deadline.ts'
import { assertPorts } from '../contract/options/assert-ports.ts'
import type { BudgetOptions, DriverBase, Service } from '../contract/driver.ts'
import { ConfigError, DeadlineError, readField, toError } from '../errors/errors.ts'
import { failureSlot, type ErrorReporter } from '../errors/failure-slot.ts'
import { reportFailure } from '../errors/failures.ts'
import { guardSignals } from '../time/guard-signal.ts'

export interface ServiceOptions<Concern extends string> {
  readonly concern: Concern
  readonly driver: Pick<DriverBase, 'name' | 'health' | 'close' | 'endpoint' | 'variables'>
  readonly clock?: Clock
  /** Called with every failure that nobody awaits. Default: the process-wide reporter. */
  readonly onError?: ErrorReporter | undefined
  /** While this breaker is not closed, a service whose round trip works is `degraded`. */
  readonly breaker?: Pick<Breaker, 'state'>
  /** Returns why the service is `degraded` although its round trip works, or `undefined` when it is not. */
  readonly degraded?: () => string | undefined
  readonly stats?: () => Readonly<Record<string, number>>
  /** Delivers what is buffered, within `budgetMs` milliseconds. */
  readonly flush?: (budgetMs: number) => Promise<unknown>
  /**
   * Finishes pending work within `budgetMs` milliseconds. The driver is closed afterwards. `closed` is what `assertOpen`
   * throws from now on, for calls that are under way and end here.
   */
  readonly close?: (budgetMs: number, closed: ConfigError) => Promise<unknown> | unknown
  /** Milliseconds for `flush` and `close` when their caller gives no time. Default 5 000. */
  readonly budgetMs?: number
}

export interface ServiceKit<Concern extends string> {
  /** The methods that all six engines have in common, to be spread into the engine. */
  readonly service: Service & { readonly concern: Concern }
  /** Reports a failure that nobody awaits, and keeps it for `health`. Never throws. */
  report(error: unknown, operation: string, details?: Readonly<Record<string, unknown>>): void
  /**
   * Runs a call within `timeoutMs` milliseconds.
   *
   * @throws DeadlineError that names the service, its driver and `operation`, or the signal's reason if it aborts first.
   */
  inTime<T>(
    operation: string,
    timeoutMs: number,
    run: (signal: AbortSignal) => PromiseLike<T> | T,
    signal?: AbortSignal,
  ): Promise<T>
  /** @throws ConfigError `<CONCERN>_CLOSED` from the first call of `close` on. */
  assertOpen(): void
}

/**
 * Makes the parts that all services share: health as a round trip with a hint, flush and close within their budgets, a
 * close that runs once, and one place to report failures. The signals that its driver gets are guarded: see
 * `guardSignals`.
 *
 * @throws ConfigError `OPTION_INVALID` for a `clock` or an `onError` that is none.
 */
export function createService<Concern extends string>(options: ServiceOptions<Concern>): ServiceKit<Concern> {
  guardSignals()
  assertPorts(options.concern, options)
  return createPageService(options)
}

/**
 * Does the same as {@link createService} for an engine that a page loads first, without the guard's code: a listener that
 * throws does not end a page. An engine that also runs on servers calls `guardSignals` there.
 */
export function createPageService<Concern extends string>(options: ServiceOptions<Concern>): ServiceKit<Concern> {
  const { concern, driver, clock = systemClock, budgetMs = 5000 } = options
  let last: { readonly error: Error; readonly operation: string; readonly at: number } | undefined
  let closing: Promise<void> | undefined

  const report: ServiceKit<Concern>['report'] = (cause, operation, details) => {
    const error = toError(cause)
    last = { error, operation, at: clock.now() }
    reportFailure(error, { ...details, concern, driver: driver.name, operation }, options.onError)
  }
  const inTime: ServiceKit<Concern>['inTime'] = (operation, timeoutMs, run, signal) =>
    deadline(run, { operation: `[msc/${concern}] [${driver.name}] ${operation}`, timeoutMs, clock, signal, report })
  const closed = (): ConfigError =>
    new ConfigError(`[msc/${concern}] The service is closed.`, { code: `${concern.toUpperCase()}_CLOSED` })
  const assertOpen = (): void => {
    if (closing) throw closed()
  }
  /** A flush that runs out of time is not a failure: its caller chose how long to wait. */
  const attempt = (operation: 'flush' | 'close', timeoutMs: number, run: () => unknown): Promise<void> =>
    inTime(operation, timeoutMs, run).then(
      () => undefined,
      (error: unknown) => {
        if (operation === 'close' || !(toError(error) instanceof DeadlineError)) report(error, operation)
      },
    )
  const closeOnce = async (timeoutMs: number): Promise<void> => {
    // A `close` that keeps to its budget needs the extra 100 ms to end and count its losses before it is abandoned.
    if (options.close) await attempt('close', timeoutMs + 100, () => options.close?.(timeoutMs, closed()))
    // A driver whose `close` hangs must not keep the process from exiting.
    await attempt('close', 2000, () => driver.close())
  }

  return {
    service: {
      concern,
      driverName: driver.name,
      async health(given?: BudgetOptions) {
        // Loaded on demand, so that a page that never calls `health` does not download it.
        const { askHealth } = await import('./health.ts')
        return askHealth({
          ...options,
          clock,
          timeoutMs: budgetOf(given, 2000),
          last,
          inTime,
          assertOpen,
          toError,
          redact: failureSlot().redact,
        })
      },
      flush(given?: BudgetOptions) {
        const timeoutMs = budgetOf(given, budgetMs)
        return attempt('flush', timeoutMs, () => options.flush?.(timeoutMs))
      },
      // `closing` is set before anything runs, because the close callback may call `close` itself.
      close: (given?: BudgetOptions) => (closing ??= Promise.resolve(budgetOf(given, budgetMs)).then(closeOnce)),
    },
    report,
    inTime,
    assertOpen,
  }
}

/** Returns the caller's milliseconds, or `otherwise` for what is no number of at least 0: nothing may throw at the end. */
function budgetOf(given: unknown, otherwise: number): number {
  const timeoutMs = readField(given, 'timeoutMs')
  return typeof timeoutMs === 'number' && timeoutMs >= 0 ? timeoutMs : otherwise
}
