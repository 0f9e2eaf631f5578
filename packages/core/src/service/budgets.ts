import type { BudgetOptions, Service } from '../contract/driver.ts'
import { readField } from '../errors/errors.ts'

/**
 * The service, which has its default budget where `timeoutMs` is no number of at least 0: whoever flushes while a process
 * ends must not be ended by `null` or `NaN`. Not in `createService`, which the first bytes of a page with realtime carry.
 */
export function withBudgets<S extends Pick<Service, 'health' | 'flush' | 'close'>>(service: S): S {
  return {
    ...service,
    health: (given) => service.health(readBudget(given)),
    flush: (given) => service.flush(readBudget(given)),
    close: (given) => service.close(readBudget(given)),
  }
}

function readBudget(given: unknown): BudgetOptions {
  const timeoutMs = readField(given, 'timeoutMs')
  return typeof timeoutMs === 'number' && timeoutMs >= 0 ? { timeoutMs } : {}
}
