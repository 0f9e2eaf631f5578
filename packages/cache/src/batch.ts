import { emit, telemetryEnabled, UnavailableError, type Duration } from '@msc/core'
import type { Flight } from './flights.ts'
import type { Shared } from './isolate.ts'
import { keyName } from './keys.ts'
import type { Held, LookUp } from './look-up.ts'
import type { Parts } from './parts.ts'
import { keptMs, planOf, type Plan, type SetOptions } from './plan.ts'
import { refuse } from './refuse.ts'
import type { FoundMany } from './remote.ts'
import { NO_STAMPS } from './stamps.ts'
import { prepare, storedEntries, type Writer } from './writer.ts'

/** What a batch loader returns: in the order it was asked, or by key. */
export type Loaded<T> = readonly (T | undefined)[] | ReadonlyMap<string, T>

/** Several keys at the price of one. */
export interface CacheBatch {
  /**
   * The values, in the order of the keys; `undefined` as for `get`. One round trip. With `counted: false` the reads are left out of
   * `stats` and of telemetry: for bookkeeping, whose keys are commonly absent and would bury the hit rate of what is cached.
   *
   * @throws UnavailableError while the store is away, with `strict`: for who must tell that from what is absent.
   */
  getMany<T>(
    keys: readonly string[],
    options?: { readonly strict?: boolean; readonly counted?: boolean },
  ): Promise<(T | undefined)[]>
  /** False when the store is away. One round trip. @throws ValidationError, before anything is written. */
  setMany(entries: readonly (readonly [key: string, value: unknown])[], ttl?: Duration | SetOptions): Promise<boolean>
  /**
   * The values in the order of the keys. `loadMissing` is called once, with those that are not cached; what it has
   * nothing for is `undefined`, and not kept. One round trip to read, one to write. Its error is thrown unchanged.
   *
   * @throws ValidationError `CACHE_OPTION_INVALID` when it returns neither a list nor a Map.
   */
  cacheMany<T>(
    keys: readonly string[],
    loadMissing: (missing: string[]) => Loaded<T> | Promise<Loaded<T>>,
    ttl?: Duration | SetOptions,
  ): Promise<(T | undefined)[]>
}

interface Seen {
  readonly held: readonly (Held | undefined)[]
  readonly found: FoundMany | undefined
  readonly away: boolean
  readonly trusted: boolean
}

export function createBatch(parts: Parts, lookUp: LookUp, writer: Writer): CacheBatch {
  const { near, remote, clock, flights, guard, driver, coordination, keys: space, stats, failed, deliver } = parts
  const lookPlan = planOf(undefined)

  const seeNear = async (name: string, trusted: boolean): Promise<Held | undefined> => {
    const entry = near?.get(name)
    if (!entry || (remote && (!trusted || entry.servedUntil <= clock.monotonic()))) return undefined
    const { held } = await lookUp.see(name, lookPlan, { keep: false })
    return held?.verdict === 'fresh' ? held : undefined
  }

  const seeMany = async (
    names: readonly string[],
    tags: readonly string[],
    flight: Flight,
    counted = true,
  ): Promise<Seen> => {
    const started = clock.monotonic()
    const trusted = parts.nearCurrent()
    const held = await Promise.all(names.map((name) => seeNear(name, trusted)))
    let found: FoundMany | undefined
    let away = false
    const missing = [...held.keys()].filter((index) => !held[index])
    if (remote && missing.length > 0) {
      try {
        found = await remote.findMany(
          missing.map((index) => names[index] as string),
          tags,
        )
        const far = await Promise.all(found.entries.map((entry) => lookUp.take(entry, lookPlan)))
        for (const [at, index] of missing.entries()) {
          const each = far[at]
          if (each?.verdict !== 'fresh') continue
          held[index] = each
          if (flight.keep && each.tags.every((tag) => tags.includes(tag))) {
            lookUp.hold(names[index] as string, each, lookPlan, trusted)
          }
        }
      } catch (error) {
        away = true
        failed('getMany', error)
      }
    }
    for (const [index, name] of counted ? names.entries() : []) {
      lookUp.count(name, { held: held[index], stamps: NO_STAMPS, away, trusted }, started)
    }
    return { held, found, away, trusted }
  }

  const run = async <T>(asked: string[], load: (missing: string[]) => Loaded<T> | Promise<Loaded<T>>) => {
    const started = clock.monotonic()
    stats.loads += 1
    let outcome: 'ok' | 'error' = 'error'
    try {
      const answer = await load([...asked])
      const loaded = Array.isArray(answer)
        ? answer
        : answer instanceof Map && asked.map((key) => answer.get(key) as T | undefined)
      // An object by key would be a list without items: nothing found, without a word.
      if (!loaded) refuse('`load` must be a list or Map', 'CACHE_OPTION_INVALID')
      outcome = 'ok'
      return { loaded, loadMs: clock.monotonic() - started }
    } catch (error) {
      stats.loadErrors += 1
      throw error
    } finally {
      stats.loadMsTotal += clock.monotonic() - started
      if (telemetryEnabled()) emit('cache.load', { key: `${asked[0]} and ${asked.length - 1} more`, outcome }, started)
    }
  }

  /** Writes what was loaded, except what was invalidated since it was looked for. */
  const commit = async (
    texts: ReadonlyMap<string, string>,
    plan: Plan,
    flight: Flight,
    found: FoundMany,
    loadMs: number,
  ): Promise<void> => {
    const stored = await storedEntries(parts, texts, plan, loadMs, found.stamps)
    if (!flight.keep) return
    if (coordination && found.position !== undefined) {
      await coordination.commitSince(space.log, found.position, stored)
      return
    }
    await writer.write(stored)
    // The invalidation may have run while the write was on its way, and lost: repeat it.
    const written = stored.map(({ key }) => key)
    if (!flight.keep) await guard.call('delete', (signal) => driver.delete(written, signal))
  }

  return {
    async getMany<T>(
      keys: readonly string[],
      { strict = false, counted = true }: { readonly strict?: boolean; readonly counted?: boolean } = {},
    ) {
      const names = keys.map(keyName)
      if (strict) guard.assertOpen('getMany')
      const { held, away } = await flights.track(names, [], (flight) => seeMany(names, [], flight, counted))
      if (strict && away) throw new UnavailableError(`[msc/cache] [${driver.name}] The store is away.`)
      return held.map((each) => deliver(each?.shared) as T | undefined)
    },
    setMany: writer.setMany,
    async cacheMany<T>(
      keys: readonly string[],
      loadMissing: (missing: string[]) => Loaded<T> | Promise<Loaded<T>>,
      ttl?: Duration | SetOptions,
    ) {
      const plan = planOf(ttl)
      const names = keys.map(keyName)
      const shared = await flights.track(names, plan.tags, async (flight) => {
        const { held, found, away, trusted } = await seeMany(names, plan.tags, flight)
        const values = new Map<string, Shared>()
        // The same key twice is asked for once.
        const missing = new Map<string, string>()
        for (const [index, name] of names.entries()) {
          const each = held[index]
          if (each) values.set(name, each.shared)
          else missing.set(name, keys[index] as string)
        }
        if (missing.size === 0) return values
        const { loaded, loadMs } = await run([...missing.values()], loadMissing)
        const texts = new Map<string, string>()
        for (const [index, name] of [...missing.keys()].entries()) {
          const value = loaded[index]
          if (value === undefined) continue
          const prepared = prepare(value, remote !== undefined)
          values.set(name, prepared.shared)
          texts.set(name, prepared.text)
        }
        if (keptMs(plan) === 0 || !flight.keep || texts.size === 0) return values
        try {
          if (found) await commit(texts, plan, flight, found, loadMs)
        } catch (error) {
          failed('setMany', error)
        }
        for (const name of flight.keep ? texts.keys() : []) {
          const shared = values.get(name) as Shared
          lookUp.hold(name, { shared, remainingMs: plan.ttlMs, loadMs, tags: plan.tags }, plan, trusted && !away)
        }
        return values
      })
      return names.map((name) => deliver(shared.get(name)) as T | undefined)
    },
  }
}
