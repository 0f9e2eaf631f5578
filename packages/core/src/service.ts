import type { Breaker } from './breaker.ts'
import { systemClock, type Clock } from './clock.ts'
import { deadline } from './deadline.ts'
import type { BudgetOptions, DriverBase, Service } from './driver.ts'
import { ConfigError, DeadlineError, MscError, toError } from './errors.ts'
import { reportFailure, type ErrorReporter, type FailureContext } from './failures.ts'
import { redact } from './redact.ts'
import type { Health, LastError } from './status.ts'

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

/** What all six engines have in common; spread into the engine. */
export interface ServiceParts<Concern extends string> extends Service {
  readonly concern: Concern
}

export interface ServiceKit<Concern extends string> {
  readonly service: ServiceParts<Concern>
  /** Reports a failure that nobody awaits, and remembers it for `health`. Never throws. */
  report(error: unknown, operation: string, details?: Readonly<Record<string, unknown>>): void
  /** True from the first call of `close`. */
  readonly closed: boolean
  /** @throws ConfigError `<CONCERN>_CLOSED` after `close`. */
  assertOpen(): void
}

const HEALTH_MS = 2000
const BUDGET_MS = 5000
/** What keeps its budget by itself must be able to end, and count its losses, before it is given up. */
const GRACE_MS = 100
/** A driver whose `close` hangs must not hang the process that is leaving. */
const DRIVER_CLOSE_MS = 2000

/**
 * The one skeleton of a service: health as a round trip with its remedy, flush and close within their budgets, close
 * once, and one port for failures.
 */
export function createService<Concern extends string>(options: ServiceOptions<Concern>): ServiceKit<Concern> {
  const { concern, driver, clock = systemClock, budgetMs = BUDGET_MS } = options
  let lastError: LastError | undefined
  let closing: Promise<void> | undefined

  const report: ServiceKit<Concern>['report'] = (error, operation, details = {}) => {
    lastError = lastErrorOf(error, operation, clock.now())
    const context: FailureContext = { ...details, concern, driver: driver.name, operation }
    reportFailure(error, context, options.onError)
  }
  const within = (operation: string, timeoutMs: number, run: () => Promise<unknown> | unknown): Promise<void> =>
    deadline(async () => run(), { operation: `[msc/${concern}] ${operation}`, timeoutMs, clock }).then(
      () => undefined,
      (error: unknown) => report(error, operation),
    )
  const closeOnce = async (timeoutMs: number): Promise<void> => {
    if (options.close) await within('close', timeoutMs + GRACE_MS, () => options.close?.(timeoutMs))
    await within('close', DRIVER_CLOSE_MS, () => driver.close())
  }

  const service: ServiceParts<Concern> = {
    concern,
    driverName: driver.name,
    async health({ timeoutMs = HEALTH_MS }: BudgetOptions = {}): Promise<Health> {
      const from = clock.monotonic()
      const verdict = await roundTrip(options, timeoutMs, clock)
      return {
        concern,
        driver: driver.name,
        ...verdict,
        latencyMs: clock.monotonic() - from,
        checkedAt: clock.now(),
        ...(lastError && { lastError }),
        ...(options.stats && { stats: { ...options.stats() } }),
      }
    },
    async flush({ timeoutMs = budgetMs }: BudgetOptions = {}) {
      // The time being up is no failure: whoever flushes said how long to wait.
      const handOver = deadline(async () => options.flush?.(timeoutMs), {
        operation: `[msc/${concern}] flush`,
        timeoutMs,
        clock,
      })
      await handOver.catch((error: unknown) => {
        if (!(error instanceof DeadlineError)) report(error, 'flush')
      })
    },
    close: ({ timeoutMs = budgetMs }: BudgetOptions = {}) => (closing ??= closeOnce(timeoutMs)),
  }
  return {
    service,
    report,
    get closed() {
      return closing !== undefined
    },
    assertOpen() {
      if (closing === undefined) return
      throw new ConfigError(`[msc/${concern}] The service is closed.`, {
        code: `${concern.toUpperCase()}_CLOSED`,
        hint: 'Make a new one; a closed one does not open again.',
      })
    },
  }
}

type Verdict = Pick<Health, 'status' | 'detail' | 'hint' | 'code'>

async function roundTrip(
  { concern, driver, breaker, degraded }: ServiceOptions<string>,
  timeoutMs: number,
  clock: Clock,
): Promise<Verdict> {
  try {
    await deadline((signal) => driver.health(signal), {
      operation: `[msc/${concern}] [${driver.name}] health`,
      timeoutMs,
      clock,
    })
  } catch (error) {
    return { status: 'down', ...(error instanceof DeadlineError ? silence(driver, timeoutMs) : explain(error)) }
  }
  const detail = degraded?.()
  if (detail !== undefined) return { status: 'degraded', detail }
  if (breaker && breaker.state !== 'closed') {
    return { status: 'degraded', detail: 'It answers again after failures; calls are being let through one at a time.' }
  }
  return { status: 'ready' }
}

/** Names what did not answer, and the variables that chose it. */
function silence(
  { name, endpoint, variables = [] }: ServiceOptions<string>['driver'],
  timeoutMs: number,
): Omit<Verdict, 'status'> {
  const where = endpoint === undefined ? name : `${name} at ${endpoint}`
  const check = variables.length > 0 ? `Check ${variables.join(', ')}, and that` : 'Check that'
  return {
    detail: redact(`${where} did not answer within ${timeoutMs} ms.`),
    hint: `${check} the backend can be reached from this machine.`,
    code: 'DEADLINE_EXCEEDED',
  }
}

/** What an operator needs of an error: what is wrong and what to do, without a secret. */
export function explain(error: unknown): Pick<Health, 'detail' | 'hint' | 'code'> {
  const known = MscError.isInstance(error) ? error : undefined
  return {
    detail: redact(toError(error).message),
    ...(known?.hint !== undefined && { hint: known.hint }),
    ...(known && { code: known.code }),
  }
}

function lastErrorOf(error: unknown, operation: string, at: number): LastError {
  const { detail = '', code } = explain(error)
  return { at, operation, message: detail, ...(code !== undefined && { code }) }
}
