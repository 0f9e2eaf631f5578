import type { BudgetOptions, Service } from '../contract/driver.ts'
import { readField } from '../errors/errors.ts'

/**
 * Returns the service with its default budget in place of a `timeoutMs` that is not a number of at least 0: `null` or
 * `NaN` must not break a flush while the process ends. This is not part of `createService`, because a page with realtime
 * loads that first.
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
