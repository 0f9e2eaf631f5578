import type { CacheCoordination } from './coordination.ts'
import type { CacheDriver, PromiseOr } from './driver.ts'
import type { Guard } from './guarded-driver.ts'
import { VERBS, type Verb } from './verbs.ts'

type Guarded<Method> = Method extends (...args: [...infer Args, AbortSignal]) => infer Result
  ? (...args: [...Args, signal?: AbortSignal]) => Promise<Awaited<Result>>
  : never

/**
 * The methods of `CacheCoordination` under deadline and breaker; they reject while the store is away. A signal, which is
 * the caller's own, ends the wait. `listen` waits for nothing, so there is nothing to guard.
 */
export type GuardedCoordination = {
  readonly [Name in Verb]: Guarded<CacheCoordination[Name]>
} & Pick<CacheCoordination, 'listen'>

/** `undefined` for a driver that has no `coordination`, or that has nobody to coordinate with. */
export function guardCoordination(driver: CacheDriver, guard: Guard): GuardedCoordination | undefined {
  const { coordination: store, capabilities } = driver
  if (!store || !capabilities.shared || capabilities.bounds) return undefined
  const methods = store as unknown as Readonly<Record<string, (...args: unknown[]) => PromiseOr<unknown>>>
  const guarded = Object.entries(VERBS).map(([verb, arity]) => {
    // Never synchronous for a driver that is shared; another `async` here would cost every call a promise.
    const call = (...args: unknown[]): PromiseOr<unknown> =>
      guard.call(
        verb,
        (until) => methods[verb]?.(...args.slice(0, arity), until),
        args[arity] as AbortSignal | undefined,
      )
    return [verb, call]
  })
  return {
    ...(Object.fromEntries(guarded) as GuardedCoordination),
    ...(store.listen && { listen: store.listen }),
  }
}
