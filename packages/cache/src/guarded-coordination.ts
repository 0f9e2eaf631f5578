import type { CacheCoordination } from './coordination.ts'
import type { CacheDriver } from './driver.ts'
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
  return {
    acquire: async (claim, leaseMs, signal) =>
      guard.call('acquire', (until) => store.acquire(claim, leaseMs, until), signal),
    renew: async (claim, leaseMs, signal) => guard.call('renew', (until) => store.renew(claim, leaseMs, until), signal),
    commit: async (claim, value, ttlMs, signal) =>
      guard.call('commit', (until) => store.commit(claim, value, ttlMs, until), signal),
    release: async (claim, failedMs, signal) =>
      guard.call('release', (until) => store.release(claim, failedMs, until), signal),
    append: async (log, append, signal) => guard.call('append', (until) => store.append(log, append, until), signal),
    readSince: async (log, position, signal) =>
      guard.call('readSince', (until) => store.readSince(log, position, until), signal),
    readAt: async (log, keys, signal) => guard.call('readAt', (until) => store.readAt(log, keys, until), signal),
    commitSince: async (log, position, entries, signal) =>
      guard.call('commitSince', (until) => store.commitSince(log, position, entries, until), signal),
    consume: async (rules, cost, signal) => guard.call('consume', (until) => store.consume(rules, cost, until), signal),
    ...(store.listen && { listen: store.listen }),
  }
}
