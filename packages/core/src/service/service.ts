import type { Breaker } from './breaker.ts'
import { systemClock, type Clock } from '../time/clock.ts'
import { deadline } from '../time/deadline.ts'
import type { BudgetOptions, DriverBase, Service } from '../contract/driver.ts'
import { ConfigError, DeadlineError, MscError, toError } from '../errors/errors.ts'
import { failureSlot, type ErrorReporter } from '../errors/failure-slot.ts'
import { reportFailure } from '../errors/failures.ts'
import { guardSignals } from '../time/guard-signal.ts'

export interface ServiceOptions<Concern extends string> {
  readonly concern: Concern
  readonly driver: Pick<DriverBase, 'name' | 'health' | 'close' | 'endpoint' | 'variables'>
  readonly clock?: Clock
  /** Told of every failure that nobody awaits; default: the process's reporter. */
  readonly onError?: ErrorReporter | undefined
  /** While it is not closed, a service whose round trip works is `degraded`. */
  readonly breaker?: Pick<Breaker, 'state'>
  /** Why the service is `degraded` although its round trip works; `undefined` when it is not. */
  readonly degraded?: () => string | undefined
  readonly stats?: () => Readonly<Record<string, number>>
  /** Hands over what is buffered, within `budgetMs`. */
  readonly flush?: (budgetMs: number) => Promise<unknown>
  /** Finishes what is under way, within `budgetMs`. The driver is closed after it. */
  readonly close?: (budgetMs: number) => Promise<unknown> | unknown
  /** Milliseconds for `flush` and `close` where their caller does not say. Default 5 000. */
  readonly budgetMs?: number
}

export interface ServiceKit<Concern extends string> {
  /** What all six engines have in common; spread into the engine. */
  readonly service: Service & { readonly concern: Concern }
  /** Reports a failure that nobody awaits, and remembers it for `health`. Never throws. */
  report(error: unknown, operation: string, details?: Readonly<Record<string, unknown>>): void
  /**
   * Runs a call within `timeoutMs` milliseconds.
   *
   * @throws DeadlineError that names the service, its driver and `operation`; the signal's reason when that ended first.
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

const HEALTH_MS = 2000
/** What keeps its budget by itself must be able to end, and count its losses, before it is given up. */
const GRACE_MS = 100
/** A driver whose `close` hangs must not hang the process that is leaving. */
const DRIVER_CLOSE_MS = 2000

/**
 * The one skeleton of a service: health as a round trip with its remedy, flush and close within their budgets, close
 * once, and one port for failures. The signals that its driver gets are guarded: see `guardSignals`.
 */
export function createService<Concern extends string>(options: ServiceOptions<Concern>): ServiceKit<Concern> {
  guardSignals()
  return createPageService(options)
}

/**
 * As {@link createService}, for an engine that a page loads first: without the weight of the guard, since a listener that
 * throws ends no page. What runs on a server too calls `guardSignals` there.
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
  const assertOpen = (): void => {
    if (!closing) return
    throw new ConfigError(`[msc/${concern}] The service is closed.`, { code: `${concern.toUpperCase()}_CLOSED` })
  }
  /** The time being up is no failure of a flush: whoever flushes said how long to wait. */
  const attempt = (operation: 'flush' | 'close', timeoutMs: number, run: () => unknown): Promise<void> =>
    inTime(operation, timeoutMs, run).then(
      () => undefined,
      (error: unknown) => {
        if (operation === 'close' || !(toError(error) instanceof DeadlineError)) report(error, operation)
      },
    )
  const closeOnce = async (timeoutMs: number): Promise<void> => {
    if (options.close) await attempt('close', timeoutMs + GRACE_MS, () => options.close?.(timeoutMs))
    await attempt('close', DRIVER_CLOSE_MS, () => driver.close())
  }

  return {
    service: {
      concern,
      driverName: driver.name,
      async health(given?: BudgetOptions) {
        // Loaded when it is asked for: a page that never asks does not carry it.
        const { askHealth } = await import('./health.ts')
        return askHealth({
          ...options,
          clock,
          timeoutMs: given?.timeoutMs ?? HEALTH_MS,
          last,
          inTime,
          assertOpen,
          toError,
          isKnown: MscError.isInstance,
          redact: failureSlot().redact,
        })
      },
      flush(given?: BudgetOptions) {
        const timeoutMs = given?.timeoutMs ?? budgetMs
        return attempt('flush', timeoutMs, () => options.flush?.(timeoutMs))
      },
      // Set before anything runs: what is told of the end may call `close` itself.
      close: (given?: BudgetOptions) => (closing ??= Promise.resolve(given?.timeoutMs ?? budgetMs).then(closeOnce)),
    },
    report,
    inTime,
    assertOpen,
  }
}
