import { emit, telemetryEnabled, validate } from '@msc/core'
import type { PromiseOr } from './driver.ts'
import { judge, remainingOf, type Entry, type Verdict, type Windows } from './entry.ts'
import type { Shared } from './isolate.ts'
import { materialise } from './materialise.ts'
import type { NearEntry } from './near.ts'
import type { Parts } from './parts.ts'
import type { Plan } from './plan.ts'
import { NO_STAMPS, type Stamps } from './stamps.ts'

/** A value that was found, near or far. */
export interface Held {
  readonly shared: Shared
  /** Milliseconds until it goes stale; negative afterwards. */
  readonly remainingMs: number
  readonly loadMs: number
  readonly tags: readonly string[]
  readonly verdict: Verdict
}

/** What there is of a key. */
export interface Sight {
  readonly held: Held | undefined
  readonly stamps: Stamps
  /** Did the store fail? Then nothing more is asked of it for this call. */
  readonly away: boolean
  /** May what comes of this look be served from near without a question to the store? */
  readonly trusted: boolean
}

export interface LookUp {
  see(key: string, plan: Plan, flight: { readonly keep: boolean }): PromiseOr<Sight>
  /** A stored entry as a value, where it is one, and where it fits the schema. */
  take(entry: Entry | undefined, plan: Plan): Promise<Held | undefined>
  /** Puts a value near, as of now. @param trusted May it be served without a question to the store? */
  hold(key: string, held: Omit<Held, 'verdict'>, windows: Windows, trusted: boolean, now?: number): void
  /** What a look is counted and reported as. */
  count(key: string, sight: Sight, started: number): void
}

const NO_TAGS: readonly string[] = []
const NOTHING: Sight = { held: undefined, stamps: NO_STAMPS, away: false, trusted: true }

export function createLookUp(parts: Parts): LookUp {
  const { near, remote, clock, random, stats, driver } = parts

  const hold: LookUp['hold'] = (
    key,
    { shared, remainingMs, loadMs, tags },
    windows,
    trusted,
    now = clock.monotonic(),
  ) => {
    if (!near) return
    const keptMs = remainingMs + Math.max(windows.swrMs, windows.graceMs)
    if (keptMs <= 0) return
    near.set(key, {
      value: shared.value,
      text: shared.text,
      bytes: shared.bytes,
      freshUntil: now + remainingMs,
      // What is not trusted is for an outage alone.
      servedUntil: trusted ? now + Math.min(remainingMs, remote ? parts.nearMs : Infinity) : 0,
      goneAt: now + keptMs,
      loadMs,
      tags,
    })
  }

  const fromNear = (key: string, entry: NearEntry, plan: Plan): Held | undefined => {
    const now = clock.monotonic()
    if (entry.goneAt <= now) {
      near?.delete(key)
      return undefined
    }
    const remainingMs = entry.freshUntil - now
    const { loadMs, tags } = entry
    return { shared: entry, remainingMs, loadMs, tags, verdict: judge(remainingMs, loadMs, plan, random) }
  }

  const fits = async (held: Held | undefined, plan: Plan): Promise<Held | undefined> => {
    if (!held || !plan.schema) return held
    try {
      await validate(plan.schema, materialise(held.shared), 'A cached value')
      return held
    } catch {
      return undefined
    }
  }

  const toHeld = (entry: Entry, plan: Plan): Held => {
    const { shared, loadMs, tags } = entry
    const remainingMs = remainingOf(entry, plan, clock.now())
    return {
      shared,
      remainingMs,
      loadMs,
      tags: tags.size === 0 ? NO_TAGS : [...tags.keys()],
      verdict: judge(remainingMs, loadMs, plan, random),
    }
  }

  // Written without `async`, as all that a hit in the store goes through: each would be one more turn to wait.
  const far = (key: string, plan: Plan, flight: { readonly keep: boolean }, trusted: boolean): Promise<Sight> =>
    (remote as NonNullable<typeof remote>).find(key, plan.tags).then(
      ({ entry, stamps }) => {
        const held = entry && toHeld(entry, plan)
        // An invalidation marks the flights of a tag: a tag that this one did not name can't have reached it.
        if (near && held?.verdict === 'fresh' && flight.keep && held.tags.every((tag) => plan.tags.includes(tag))) {
          hold(key, held, plan, trusted)
        }
        if (!plan.schema) return { held, stamps, away: false, trusted }
        return fits(held, plan).then((fitting) => ({ held: fitting, stamps, away: false, trusted }))
      },
      async (error: unknown) => {
        parts.failed('get', error)
        const entry = near?.get(key)
        const held = await fits(entry && fromNear(key, entry, plan), plan)
        return { held, stamps: NO_STAMPS, away: true, trusted: false }
      },
    )

  return {
    hold,
    see(key, plan, flight) {
      const trusted = parts.nearCurrent()
      const entry = near?.get(key)
      if (!remote) {
        const held = entry && fromNear(key, entry, plan)
        if (!held) return NOTHING
        if (!plan.schema) return { held, stamps: NO_STAMPS, away: false, trusted: true }
        return fits(held, plan).then((fitting) => ({ held: fitting, stamps: NO_STAMPS, away: false, trusted: true }))
      }
      // With a store behind, what has gone stale here may be fresh there.
      if (!entry || !trusted || entry.servedUntil <= clock.monotonic()) return far(key, plan, flight, trusted)
      return fits(fromNear(key, entry, plan), plan).then((held) =>
        held ? { held, stamps: NO_STAMPS, away: false, trusted } : far(key, plan, flight, trusted),
      )
    },
    take: async (entry, plan) => fits(entry && toHeld(entry, plan), plan),
    count(key, { held, away }, started) {
      const verdict = held?.verdict
      // Refreshed before its time, a value is still a fresh one.
      const fresh = verdict === 'fresh' || (verdict === 'refresh' && (held?.remainingMs ?? 0) > 0)
      const outcome = fresh ? 'hit' : verdict === 'refresh' ? 'stale' : away ? 'error' : 'miss'
      if (outcome === 'hit') stats.hits += 1
      else if (outcome === 'stale') stats.stale += 1
      else stats.misses += 1
      if (telemetryEnabled()) emit('cache.get', { key, outcome, tier: driver.name }, started)
    },
  }
}
