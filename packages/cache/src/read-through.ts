import { emit, orAborted, runGuarded, telemetryEnabled } from '@msc/core'
import { attended, unattended } from './attendance.ts'
import type { Flight } from './flights.ts'
import type { Shared } from './isolate.ts'
import { keyName } from './keys.ts'
import { createLoad } from './load.ts'
import type { LookUp, Sight } from './look-up.ts'
import type { Parts } from './parts.ts'
import { planOf, type FillOptions, type Loader, type Plan } from './plan.ts'
import type { Duration } from '@msc/core'

export interface ReadThrough {
  cache<T>(key: string, load: Loader<T>, options?: Duration | FillOptions<T>): Promise<T>
}

/** @param deliver Makes what one caller is given of what all share. */
export function createReadThrough(parts: Parts, lookUp: LookUp): ReadThrough {
  const { near, clock, stats, flights, failures, driver, nearCurrent, deliver } = parts
  const load = createLoad(parts, lookUp)

  const obtain = (key: string, loader: Loader<unknown>, plan: Plan, flight: Flight): Promise<Shared | undefined> => {
    const started = telemetryEnabled() ? clock.monotonic() : 0
    const go = (sight: Sight): Promise<Shared | undefined> => {
      if (plan.counted) lookUp.count(key, sight, started)
      return serve(key, loader, plan, flight, sight)
    }
    const looking = lookUp.see(key, plan, flight)
    return looking instanceof Promise ? looking.then(go) : go(looking)
  }

  const serve = (
    key: string,
    loader: Loader<unknown>,
    plan: Plan,
    flight: Flight,
    sight: Sight,
  ): Promise<Shared | undefined> => {
    // A value that was read before an invalidation that has finished since is not served.
    const held = flight.keep ? sight.held : undefined
    const fill = (of: Flight, patient: boolean): Promise<Shared | undefined> =>
      attended(plan, () => load(key, loader, plan, of, sight, patient))

    switch (held?.verdict) {
      case 'fresh':
        return Promise.resolve(held.shared)
      case 'refresh': {
        const work = failures.recent(key)
          ? undefined
          : flights.behind(key, plan.tags, (hidden) => unattended(() => fill(hidden, false).catch(unseen)))
        if (work) handOver(work, plan)
        return Promise.resolve(held.shared)
      }
      case 'grace':
        return failures.recent(key) ? Promise.resolve(held.shared) : withGrace(held.shared, fill(flight, true), plan)
      default: {
        const failure = failures.errorOf(key)
        return failure ? Promise.reject(failure.error as Error) : fill(flight, true)
      }
    }
  }

  /** Tells the caller's platform of work that goes on. What its callback throws changes no answer. */
  const handOver = (work: Promise<unknown>, { waitUntil }: Plan): void =>
    runGuarded(
      () => waitUntil?.(work),
      (error) => parts.complain('waitUntil', error),
    )

  /** Nobody waits for a refresh, so nobody else would say that it failed. */
  const unseen = (error: unknown): undefined => {
    parts.complain('refresh', error)
    return undefined
  }

  /** The new value if it comes in time, else the stale one. */
  const withGrace = (stale: Shared, loading: Promise<Shared | undefined>, plan: Plan): Promise<Shared | undefined> =>
    new Promise((resolve) => {
      let answered = false
      const tooSlow = (): void => {
        answered = true
        resolve(stale)
        handOver(
          loading.catch(() => undefined),
          plan,
        )
      }
      const cancel = plan.softMs === undefined ? undefined : clock.setTimeout(tooSlow, plan.softMs)
      const settle = (shared: Shared | undefined): void => {
        cancel?.()
        resolve(shared)
      }
      loading.then(settle, (error: unknown) => {
        // A caller that has been answered well has nothing to do with what comes later.
        if (answered) unattended(() => unseen(error))
        else unseen(error)
        settle(stale)
      })
    })

  return {
    cache<T>(key: string, loader: Loader<T>, options?: Duration | FillOptions<T>): Promise<T> {
      try {
        // What is kept is kept under a name, so that whatever is found under the key itself has it for its name.
        let running = typeof options === 'object' ? undefined : flights.join(key)
        // A load that is under way has found nothing near: a caller that joins it need not look, nor say for how long.
        if (running !== undefined) return running as Promise<T>
        const plan = planOf(options)
        const { signal } = plan
        signal?.throwIfAborted()
        if (typeof options === 'object') running = flights.join(key)
        // What nearly every call is: no promise but the one that is returned.
        if (running === undefined && near && plan.plain) {
          const entry = near.get(key)
          if (entry !== undefined && nearCurrent() && entry.servedUntil > clock.monotonic()) {
            stats.hits += 1
            if (telemetryEnabled()) emit('cache.get', { key, outcome: 'hit', tier: driver.name })
            return Promise.resolve(deliver(entry) as T)
          }
        }
        const name = keyName(key)
        if (name !== key) running = flights.join(name)
        const value = running ?? flights.launch(name, plan.tags, (flight) => obtain(name, loader, plan, flight))
        return (signal ? orAborted(value, signal) : value) as Promise<T>
      } catch (error) {
        return Promise.reject(error as Error)
      }
    },
  }
}
