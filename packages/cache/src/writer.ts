import { emit, telemetryEnabled, type Duration } from '@msc/core'
import { encode, encodeJson } from './codec.ts'
import type { StoredEntry } from './driver.ts'
import { formatEntry } from './entry.ts'
import { isolate, type Shared } from './isolate.ts'
import { keyName } from './keys.ts'
import type { LookUp } from './look-up.ts'
import type { Parts } from './parts.ts'
import { keptMs, planOf, type Plan, type SetOptions } from './plan.ts'
import { NO_STAMPS, type Stamps } from './stamps.ts'

export interface Writer {
  /** False when the store is away. @throws ValidationError before anything is written. */
  setMany(
    entries: readonly (readonly [key: string, value: unknown])[],
    options?: Duration | SetOptions,
  ): Promise<boolean>
  /** Entries as they are, in one round trip where the store can. @throws when it is away. */
  write(entries: readonly StoredEntry[]): Promise<void>
}

/** A value as it is held near, and as it is stored. @throws ValidationError when it can't be. */
export function prepare(value: unknown, stored: boolean): { readonly shared: Shared; readonly text: string } {
  const plain = value === undefined ? undefined : isolate(value)
  if (plain) return { shared: plain, text: !stored ? '' : plain.json ? encodeJson(plain.value) : encode(value) }
  const text = encode(value)
  return { shared: { value: undefined, text, bytes: text.length * 2 }, text }
}

/** A value as a store keeps it. */
export async function storedText(
  { clock, compressAbove }: Parts,
  text: string,
  { ttlMs }: Plan,
  loadMs: number,
  tags: Stamps,
): Promise<string> {
  return formatEntry({ text, freshUntil: clock.now() + ttlMs, ttlMs, loadMs, tags }, compressAbove)
}

/** The same for values by the names of their keys. */
export function storedEntries(
  parts: Parts,
  texts: ReadonlyMap<string, string>,
  plan: Plan,
  loadMs: number,
  tags: Stamps,
): Promise<StoredEntry[]> {
  return Promise.all(
    [...texts].map(async ([name, text]) => ({
      key: parts.keys.value(name),
      value: await storedText(parts, text, plan, loadMs, tags),
      ttlMs: Math.max(1, Math.round(keptMs(plan))),
    })),
  )
}

export function createWriter(parts: Parts, lookUp: LookUp): Writer {
  const { remote, clock, guard, driver, keys: space, flights, log } = parts

  const write: Writer['write'] = async (entries) => {
    if (driver.setMany) await guard.call('setMany', (signal) => driver.setMany?.(entries, signal))
    else {
      await Promise.all(
        entries.map(({ key, value, ttlMs }) => guard.call('set', (signal) => driver.set(key, value, ttlMs, signal))),
      )
    }
  }

  const store = async (values: ReadonlyMap<string, { readonly text: string }>, plan: Plan): Promise<void> => {
    const tags = remote ? await remote.stampsOf(plan.tags) : NO_STAMPS
    const texts = new Map([...values].map(([name, { text }]) => [name, text]))
    const entries = await storedEntries(parts, texts, plan, 0, tags)
    if (!log) return write(entries)
    const keys = [...values.keys()]
    // The leases end, so that loads under way can't bury what is written now.
    await log.append({ keys }, { set: entries, revoke: keys.map(space.lock) })
  }

  return {
    write,
    async setMany(entries, options) {
      const plan = planOf(options)
      const values = new Map(entries.map(([key, value]) => [keyName(key), prepare(value, remote !== undefined)]))
      if (plan.ttlMs === 0 || values.size === 0) return true
      const keys = [...values.keys()]
      // A load that began before must not bury what is written now, nor be shared by who comes after.
      parts.forget({ keys })
      return flights.track(keys, plan.tags, async (flight) => {
        const started = clock.monotonic()
        const trusted = parts.nearCurrent()
        let outcome: 'ok' | 'error' = 'ok'
        try {
          if (remote) await store(values, plan)
          else guard.assertOpen('set')
        } catch (error) {
          outcome = 'error'
          parts.failed('set', error)
        }
        if (outcome === 'ok' && flight.keep) {
          for (const [name, { shared }] of values) {
            lookUp.hold(name, { shared, remainingMs: plan.ttlMs, loadMs: 0, tags: plan.tags }, plan, trusted)
          }
        }
        if (telemetryEnabled()) for (const key of keys) emit('cache.set', { key, outcome }, started)
        return outcome === 'ok'
      })
    },
  }
}
