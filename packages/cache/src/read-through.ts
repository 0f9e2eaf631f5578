import { emit, telemetryEnabled } from '@msc/core'
import type { Flight } from './flights.ts'
import type { Shared } from './isolate.ts'
import { keyName } from './keys.ts'
import { BUSY, createLoad } from './load.ts'
import type { LookUp } from './look-up.ts'
import type { Parts } from './parts.ts'
import { planOf, type FillOptions, type Loader, type Plan } from './plan.ts'
import type { Duration } from '@msc/core'

export interface ReadThrough {
  cache<T>(key: string, load: Loader<T>, options?: Duration | FillOptions<T>): Promise<T>
}

/** @param deliver Makes what one caller is given of what all share. */
export function createReadThrough(
  parts: Parts,
  lookUp: LookUp,
  deliver: (shared: Shared | undefined) => unknown,
): ReadThrough {
  const { near, clock, stats, flights, failures, driver, nearCurrent } = parts
  const load = createLoad(parts, lookUp)

  const obtain = async (
    key: string,
    loader: Loader<unknown>,
    plan: Plan,
    flight: Flight,
  ): Promise<Shared | undefined> => {
    const started = clock.monotonic()
    const looking = lookUp.see(key, plan, flight)
    const sight = looking instanceof Promise ? await looking : looking
    lookUp.count(key, sight, started)
    // A value that was read before an invalidation that has finished since is not served.
    const held = flight.keep ? sight.held : undefined
    const fill = async (of: Flight): Promise<Shared | undefined> => {
      const shared = await load(key, loader, plan, of, sight, true)
      return shared === BUSY ? undefined : shared
    }

    switch (held?.verdict) {
      case 'fresh':
        return held.shared
      case 'refresh': {
        if (failures.recent(key)) return held.shared
        const work = flights.behind(key, plan.tags, async (hidden) => {
          const shared = await load(key, loader, plan, hidden, sight, false)
          return shared === BUSY ? undefined : shared
        })
        if (work) plan.waitUntil?.(work)
        return held.shared
      }
      case 'grace':
        return failures.recent(key) ? held.shared : withGrace(held.shared, fill(flight), plan)
      default: {
        const failure = failures.errorOf(key)
        if (failure) throw failure.error
        return fill(flight)
      }
    }
  }

  /** The new value if it comes in time, else the stale one. A failure has been counted where it happened. */
  const withGrace = (stale: Shared, loading: Promise<Shared | undefined>, plan: Plan): Promise<Shared | undefined> =>
    new Promise((resolve) => {
      const tooSlow = (): void => {
        plan.waitUntil?.(loading.catch(() => undefined))
        resolve(stale)
      }
      const cancel = plan.softMs === undefined ? undefined : clock.setTimeout(tooSlow, plan.softMs)
      const settle = (shared: Shared | undefined): void => {
        cancel?.()
        resolve(shared)
      }
      loading.then(settle, () => settle(stale))
    })

  return {
    cache<T>(key: string, loader: Loader<T>, options?: Duration | FillOptions<T>): Promise<T> {
      let plan: Plan
      let name: string
      try {
        plan = planOf(options)
        name = keyName(key)
      } catch (error) {
        return Promise.reject(error as Error)
      }
      const { signal } = plan
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      // What nearly every call is: no promise but the one that is returned.
      if (near && plan.plain) {
        const entry = near.get(name)
        if (entry !== undefined && nearCurrent() && entry.servedUntil > clock.monotonic()) {
          stats.hits += 1
          if (telemetryEnabled()) emit('cache.get', { key: name, outcome: 'hit', tier: driver.name })
          return Promise.resolve(deliver(entry) as T)
        }
      }
      const shared = flights.join(name, plan.tags, (flight) => obtain(name, loader, plan, flight)).then(deliver)
      return (signal ? abortable(shared, signal) : shared) as Promise<T>
    },
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
