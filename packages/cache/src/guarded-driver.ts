import {
  DeadlineError,
  MscError,
  UnavailableError,
  createBreaker,
  emit,
  guarded,
  type Breaker,
  type Clock,
} from '@msc/core'
import { createDeadlines } from './deadlines.ts'
import type { CacheDriver, PromiseOr } from './driver.ts'
import { neverAborts } from './never-aborts.ts'

export interface GuardOptions {
  readonly timeoutMs: number
  readonly clock: Clock
  readonly breaker?: Breaker
}

export interface Guard {
  readonly breaker: Breaker
  /** One operation on the driver, under deadline and breaker. Synchronous drivers stay synchronous. */
  call<T>(operation: string, run: (signal: AbortSignal) => PromiseOr<T>, signal?: AbortSignal): PromiseOr<T>
  /** Calls under way, and all that come later, reject with `CACHE_CLOSED`: what an outage would do, at once. */
  close(): void
  /** For what is done without a call, as on a driver that holds its values in this process. @throws UnavailableError */
  assertOpen(operation: string): void
}

export function createGuard(driver: CacheDriver, options: GuardOptions): Guard {
  const { timeoutMs, clock } = options
  const breaker =
    options.breaker ??
    createBreaker({
      name: `[msc/cache] [${driver.name}]`,
      clock,
      onChange: (state) => emit('driver.breaker', { concern: 'cache', driver: driver.name, state }),
    })
  const { shared: remote, cancels = true } = driver.capabilities
  const deadlines = createDeadlines(clock, timeoutMs)
  let closed = false
  const isClosed = (operation: string): UnavailableError =>
    new UnavailableError(`[msc/cache] [${driver.name}] ${operation} was not done: the cache is closed.`, {
      code: 'CACHE_CLOSED',
      retryable: false,
    })

  return {
    breaker,
    assertOpen(operation) {
      if (closed) throw isClosed(operation)
    },
    call<T>(operation: string, run: (signal: AbortSignal) => PromiseOr<T>, signal?: AbortSignal): PromiseOr<T> {
      // Neither who answers synchronously nor who can't cancel has a use for a signal of its own.
      if (closed) return Promise.reject(isClosed(operation))
      if (!remote) return run(neverAborts())
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      if (!breaker.tryAcquire()) {
        return Promise.reject(
          new UnavailableError(`[msc/cache] [${driver.name}] ${operation} was not tried: the backend keeps failing.`, {
            code: 'BREAKER_OPEN',
          }),
        )
      }
      return new Promise<T>((resolve, reject) => {
        const controller = cancels ? new AbortController() : undefined
        const pending = deadlines.begin(() => {
          const error = closed
            ? isClosed(operation)
            : new DeadlineError(`[msc/cache] [${driver.name}] ${operation}`, timeoutMs)
          signal?.removeEventListener('abort', onAbort)
          breaker.fail()
          reject(error)
          controller?.abort(error)
        })
        const end = (): boolean => {
          if (pending.over) return false
          deadlines.done(pending)
          signal?.removeEventListener('abort', onAbort)
          return true
        }
        const succeed = (value: T): void => {
          if (!end()) return
          breaker.succeed()
          resolve(value)
        }
        const fail = (error: unknown): void => {
          if (!end()) return
          // A refusal that a retry can't mend is at least an answer; a mistake, such as a missing peer, is no outage either.
          if (MscError.isInstance(error) && !error.retryable) breaker.succeed()
          else breaker.fail()
          reject(error as Error)
        }
        const onAbort = (): void => {
          signal?.removeEventListener('abort', onAbort)
          reject(signal?.reason as Error)
          // The caller gave up, which says nothing about the backend. A breaker that waits for what its probe finds is told
          // by the answer, or by the deadline.
          if (breaker.state !== 'closed' || !end()) return
          controller?.abort(signal?.reason)
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        try {
          const answer = run(controller ? guarded(controller.signal, { concern: 'cache', operation }) : neverAborts())
          if (answer instanceof Promise) answer.then(succeed, fail)
          else succeed(answer)
        } catch (error) {
          fail(error)
        }
      })
    },
    close() {
      closed = true
      deadlines.close()
    },
  }
}
