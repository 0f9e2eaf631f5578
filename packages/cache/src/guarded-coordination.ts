import type { CacheCoordination } from './coordination.ts'
import type { CacheDriver, PromiseOr } from './driver.ts'
import type { Guard } from './guarded-driver.ts'

type Guarded<Method> = Method extends (...args: [...infer Args, AbortSignal]) => infer Result
  ? (...args: [...Args, signal?: AbortSignal]) => Promise<Awaited<Result>>
  : never

/**
 * The methods of `CacheCoordination` under deadline and breaker; they reject while the store is away. A signal, which is
 * the caller's own, ends the wait. `listen` waits for nothing, so there is nothing to guard.
 */
export type GuardedCoordination = {
  readonly [Name in Exclude<keyof CacheCoordination, 'listen'>]: Guarded<CacheCoordination[Name]>
} & Pick<CacheCoordination, 'listen'>

/** `undefined` for a driver that has no `coordination`, or that has nobody to coordinate with. */
export function guardCoordination(driver: CacheDriver, guard: Guard): GuardedCoordination | undefined {
  const { coordination: store, capabilities } = driver
  if (!store || !capabilities.shared || capabilities.bounds) return undefined
  // Never synchronous for a driver that is shared; another `async` here would cost every call a promise.
  const call = guard.call as <T>(
    operation: string,
    run: (until: AbortSignal) => PromiseOr<T>,
    signal?: AbortSignal,
  ) => Promise<T>
  return {
    acquire: (claim, leaseMs, signal) => call('acquire', (until) => store.acquire(claim, leaseMs, until), signal),
    renew: (claim, leaseMs, signal) => call('renew', (until) => store.renew(claim, leaseMs, until), signal),
    commit: (claim, value, ttlMs, signal) =>
      call('commit', (until) => store.commit(claim, value, ttlMs, until), signal),
    release: (claim, failedMs, signal) => call('release', (until) => store.release(claim, failedMs, until), signal),
    append: (log, append, signal) => call('append', (until) => store.append(log, append, until), signal),
    readSince: (log, position, signal) => call('readSince', (until) => store.readSince(log, position, until), signal),
    readAt: (log, keys, signal) => call('readAt', (until) => store.readAt(log, keys, until), signal),
    commitSince: (log, position, entries, signal) =>
      call('commitSince', (until) => store.commitSince(log, position, entries, until), signal),
    consume: (rules, cost, signal) => call('consume', (until) => store.consume(rules, cost, until), signal),
    ...(store.listen && { listen: store.listen }),
  }
}
