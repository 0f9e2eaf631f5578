import { deadline, emit, telemetryEnabled } from '@msc/core'
import type { Flight } from './flights.ts'
import type { Shared } from './isolate.ts'
import type { Lease } from './leases.ts'
import type { Held, LookUp, Sight } from './look-up.ts'
import { neverAborts } from './never-aborts.ts'
import type { Parts } from './parts.ts'
import { keptMs, type LoadContext, type Loader, type Plan } from './plan.ts'
import { NO_STAMPS } from './stamps.ts'
import { prepare, storedText } from './writer.ts'

export interface Load {
  /**
   * Calls the loader and keeps what it brings, unless an invalidation overtakes it.
   *
   * @param patient Wait where another process loads the key? Otherwise nothing is loaded.
   * @throws the loader's own error.
   */
  (
    key: string,
    load: Loader<unknown>,
    plan: Plan,
    flight: Flight,
    sight: Sight,
    patient: boolean,
  ): Promise<Shared | undefined>
}

let noHurry: LoadContext | undefined

export function createLoad(parts: Parts, lookUp: LookUp): Load {
  const { clock, stats, leases, remote, driver, guard, keys, failures, failed, complain } = parts

  /** Calls the loader, counts it, and goes on with `use`. Written without `async`: each costs every cold caller. */
  const run = <T>(
    key: string,
    load: Loader<unknown>,
    plan: Plan,
    flight: Flight,
    use: (value: unknown, loadMs: number, now: number) => T | Promise<T>,
  ): Promise<T> => {
    const started = clock.monotonic()
    if (plan.counted) stats.loads += 1
    const report = (outcome: 'ok' | 'error'): number => {
      const now = clock.monotonic()
      if (!plan.counted) return now
      stats.loadMsTotal += now - started
      if (telemetryEnabled()) emit('cache.load', { key, outcome }, started)
      return now
    }
    return call(key, load, plan).then(
      (value) => {
        const now = report('ok')
        return use(value, now - started, now)
      },
      (error: unknown) => {
        report('error')
        if (plan.counted) stats.loadErrors += 1
        // What an invalidation has overtaken may be well again.
        if (flight.keep) failures.add(key, error, plan.negativeMs, plan.tags)
        throw error
      },
    )
  }

  const call = (key: string, load: Loader<unknown>, plan: Plan): Promise<unknown> => {
    try {
      if (plan.hardMs === undefined) return Promise.resolve(load((noHurry ??= { signal: neverAborts() })))
      const operation = `[msc/cache] Loading ${JSON.stringify(key)}`
      return deadline((signal) => load({ signal }), {
        operation,
        timeoutMs: plan.hardMs,
        clock,
        report: (error) => complain('abort', error),
      })
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** The lease of this key, or what somebody else has loaded meanwhile; neither where nobody can be waited for. */
  const takeLease = async (
    key: string,
    plan: Plan,
    sight: Sight,
    flight: Flight,
    patient: boolean,
  ): Promise<{ readonly lease?: Lease; readonly held?: Held; readonly busy?: true }> => {
    if (!leases || !remote || sight.away) return {}
    const started = clock.monotonic()
    let mine: Lease | undefined
    try {
      for (let attempt = 0; ; attempt++) {
        const answer = await leases.attempt(key)
        if (answer.kind === 'free') return {}
        // From here on it is renewed, until it is used or released.
        if (answer.kind === 'mine') mine = answer.lease
        // What somebody has loaded since carries newer stamps than those of our look.
        const held = await lookUp.take(await remote.judge(answer.stored, NO_STAMPS), plan)
        if (held?.verdict === 'fresh' && flight.keep) {
          await release(mine, false)
          return { held }
        }
        if (mine) return { lease: mine }
        if (!patient) return { busy: true }
        // Who does not wait, or not any longer, loads for itself; the value of who has the lease is the one that is kept.
        if (!plan.lock || !flight.keep || clock.monotonic() - started > parts.lockWaitMs) return {}
        await leases.pause(attempt)
      }
    } catch (error) {
      failed('lock', error)
      // A lease that nobody loads under would have everybody wait. Not waited for: the store has just failed.
      void release(mine, false)
      return {}
    }
  }

  /** Writes to the store. False when an invalidation was quicker. @throws when the store is away. */
  const commit = async (
    key: string,
    text: string,
    plan: Plan,
    flight: Flight,
    sight: Sight,
    lease: Lease | undefined,
    loadMs: number,
  ): Promise<boolean> => {
    const stored = await storedText(parts, text, plan, loadMs, sight.stamps).catch(async (error: unknown) => {
      await release(lease, false)
      throw error
    })
    if (lease) return lease.commit(stored, keptMs(plan))
    // Without the lease that others go by, a write could bury a newer value.
    if (leases) return true
    await guard.call('set', (signal) => driver.set(keys.value(key), stored, keptMs(plan), signal))
    if (flight.keep) return true
    // The invalidation may have run while the write was on its way, and lost: repeat it.
    await guard.call('delete', (signal) => driver.delete([keys.value(key)], signal))
    return false
  }

  const keep = async (
    key: string,
    value: unknown,
    plan: Plan,
    flight: Flight,
    sight: Sight,
    lease: Lease | undefined,
    loadMs: number,
  ): Promise<Shared> => {
    const { shared, text } = prepare(value, remote !== undefined)
    if (!flight.keep || keptMs(plan) === 0) {
      await release(lease, false)
      return shared
    }
    let kept = true
    if (remote && !sight.away) {
      const started = clock.monotonic()
      let outcome: 'ok' | 'error' = 'ok'
      try {
        kept = await commit(key, text, plan, flight, sight, lease, loadMs)
      } catch (error) {
        outcome = 'error'
        failed('set', error)
      }
      if (telemetryEnabled()) emit('cache.set', { key, outcome }, started)
    }
    if (kept && flight.keep) {
      lookUp.hold(key, { shared, remainingMs: plan.ttlMs, loadMs, tags: plan.tags }, plan, sight.trusted && !sight.away)
    }
    return shared
  }

  const loadFar: Load = async (key, load, plan, flight, sight, patient) => {
    const { lease, held, busy } = await takeLease(key, plan, sight, flight, patient)
    if (held) {
      lookUp.hold(key, held, plan, sight.trusted)
      return held.shared
    }
    if (busy) return undefined
    // A load that has failed is known to those who wait; a value that can't be stored is this process's own fault.
    let loadFailed = true
    try {
      return await run(key, load, plan, flight, async (value, loadMs) => {
        loadFailed = false
        if (value !== undefined) return keep(key, value, plan, flight, sight, lease, loadMs)
        await release(lease, false)
        return undefined
      })
    } catch (error) {
      await release(lease, loadFailed)
      throw error
    }
  }

  const release = async (lease: Lease | undefined, loadFailed: boolean): Promise<void> => {
    await lease?.release(loadFailed).catch((error: unknown) => failed('unlock', error))
  }

  const loadNear: Load = (key, load, plan, flight) =>
    run(key, load, plan, flight, (value, loadMs, now) => {
      if (value === undefined) return undefined
      const { shared } = prepare(value, false)
      if (flight.keep) lookUp.hold(key, { shared, remainingMs: plan.ttlMs, loadMs, tags: plan.tags }, plan, true, now)
      return shared
    })

  return remote ? loadFar : loadNear
}
