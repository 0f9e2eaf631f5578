import { DriverError, UnavailableError, createBreaker, deadline, emit, type Breaker, type Clock } from '@msc/core'
import type { CacheDriver, PromiseOr } from './driver.ts'

export interface GuardOptions {
  readonly timeoutMs: number
  readonly clock: Clock
  readonly breaker?: Breaker
}

export interface Guard {
  readonly breaker: Breaker
  /** One operation on the driver, under deadline and breaker. Synchronous drivers stay synchronous. */
  call<T>(operation: string, run: (signal: AbortSignal) => PromiseOr<T>, signal?: AbortSignal): PromiseOr<T>
}

// Given to a driver that answers synchronously: nothing can abort a call that is over when it returns.
const NEVER = new AbortController().signal

export function createGuard(driver: CacheDriver, options: GuardOptions): Guard {
  const { timeoutMs, clock } = options
  const breaker =
    options.breaker ??
    createBreaker({
      name: `[msc/cache] [${driver.name}]`,
      clock,
      onChange: (state) => emit('driver.breaker', { concern: 'cache', driver: driver.name, state }),
    })
  const remote = driver.capabilities.shared

  return {
    breaker,
    call<T>(operation: string, run: (signal: AbortSignal) => PromiseOr<T>, signal?: AbortSignal): PromiseOr<T> {
      if (!remote) return run(NEVER)
      if (!breaker.tryAcquire()) {
        return Promise.reject(
          new UnavailableError(`[msc/cache] [${driver.name}] ${operation} was not tried: the backend keeps failing.`, {
            code: 'BREAKER_OPEN',
          }),
        )
      }
      return deadline(run, { operation: `[msc/cache] [${driver.name}] ${operation}`, timeoutMs, signal, clock }).then(
        (value) => {
          breaker.succeed()
          return value
        },
        (error: unknown) => {
          // The caller gave up: that says nothing about the backend. Nor does a refusal that a retry can't mend,
          // which is at least an answer.
          if (signal?.aborted || (DriverError.isInstance(error) && !error.retryable)) breaker.succeed()
          else breaker.fail()
          throw error
        },
      )
    },
  }
}
