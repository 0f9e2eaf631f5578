import { emit, telemetryEnabled, type Clock } from '@msc/core'
import { LRUCache } from 'lru-cache'
import type { GuardedCoordination } from './guarded-coordination.ts'
import { keyName } from './keys.ts'
import { createLocalLimiter } from './rate-limit-local.ts'
import type { RateLimitAlgorithm, RateLimitRule, Verdict } from './rate-limit-rules.ts'
import type { Keyspace } from './keyspace.ts'
import { MAX_MS } from './plan.ts'
import { refuse } from './refuse.ts'

/** What happens while the store does not answer: everybody passes, nobody does, or this process counts alone. */
export type OnUnavailable = 'allow' | 'deny' | 'memory'

export interface RateLimitOptions {
  /** Default `fixed`. */
  readonly algorithm?: RateLimitAlgorithm
  /** In the `RateLimit` header fields. */
  readonly name?: string
  /** How many calls this one counts for, an integer ≥ 0; 0 only looks. Default 1. */
  readonly cost?: number
  /** Rules that must allow the call as well. One that is denied by any counts for none. */
  readonly and?: readonly RateLimitRule[]
  /** Default `memory`. */
  readonly onUnavailable?: OnUnavailable
  readonly signal?: AbortSignal
}

/** What one rule says. */
export interface RuleResult {
  /** For several rules at once: whether this one does. */
  readonly allowed: boolean
  readonly limit: number
  readonly windowSeconds: number
  readonly name?: string | undefined
  /** Calls left, ≥ 0. */
  readonly remaining: number
  /**
   * When all of the limit is there again if nobody calls, milliseconds since the epoch. For a window the same for each of
   * its calls; a bucket's moves on with each call that it allows.
   */
  readonly resetAt: number
  /** Seconds until a denied caller may try again, ≥ 1; 0 when allowed. */
  readonly retryAfter: number
}

/** What the strictest rule says: the one that denies for longest, or else the one with the fewest calls left. */
export interface RateLimitResult extends RuleResult {
  /** Where there were several: each, in their order. */
  readonly rules?: readonly RuleResult[]
}

export type RateLimiter = (
  id: string,
  limit?: number,
  windowSeconds?: number,
  options?: RateLimitOptions,
) => Promise<RateLimitResult>

export interface RateLimiterDeps {
  /** Absent where this process counts alone. */
  readonly coordination: GuardedCoordination | undefined
  readonly keys: Keyspace
  readonly clock: Clock
}

interface Block {
  readonly result: RateLimitResult
  readonly cost: number
  readonly until: number
}

/** Ids that are known to be denied for a while, and are so without a question to the store. */
const MAX_BLOCKED = 10_000

export function createRateLimiter({ coordination, keys, clock }: RateLimiterDeps): RateLimiter {
  const local = createLocalLimiter()
  const blocked = new LRUCache<string, Block>({ max: MAX_BLOCKED })

  const report = (id: string, outcome: 'allowed' | 'denied' | 'error'): void => {
    if (telemetryEnabled()) emit('rate-limit.check', { id, outcome })
  }

  /** The rules' own verdicts. @throws when the store is away. */
  const ask = async (
    store: GuardedCoordination,
    id: string,
    rules: readonly RateLimitRule[],
    cost: number,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly verdicts: readonly Omit<Verdict, 'next'>[]; readonly now: number }> => {
    const limits = rules.map(({ algorithm = 'fixed', limit, windowSeconds }) => ({
      key: keys.limit(`${algorithm}:${windowSeconds}:${id}`),
      algorithm,
      limit,
      windowMs: windowSeconds * 1000,
    }))
    const { now, verdicts } = await store.consume(limits, cost, signal)
    return {
      now,
      verdicts: verdicts.map(({ allowed, remaining, resetMs, waitMs }) => ({
        allowed,
        remaining,
        resetAt: now + resetMs,
        allowedAt: now + waitMs,
      })),
    }
  }

  const several = async (
    id: string,
    rules: readonly RateLimitRule[],
    cost: number,
    { onUnavailable = 'memory', signal }: RateLimitOptions,
  ): Promise<RateLimitResult> => {
    signal?.throwIfAborted()
    if (!coordination) {
      const now = clock.now()
      return finish(id, summarise(rules, local.check(id, rules, cost, now), cost, now))
    }
    const block = `${id}\n${rules.map((rule) => `${rule.algorithm ?? 'fixed'}:${rule.limit}:${rule.windowSeconds}`).join()}`
    const known = blocked.get(block)
    if (known && cost >= known.cost && clock.monotonic() < known.until) {
      const retryAfter = Math.max(1, Math.ceil((known.until - clock.monotonic()) / 1000))
      return finish(id, { ...known.result, retryAfter })
    }
    try {
      const { verdicts, now } = await ask(coordination, id, rules, cost, signal)
      const result = summarise(rules, verdicts, cost, now)
      if (!result.allowed) {
        const until =
          clock.monotonic() + Math.max(...verdicts.filter((each) => !each.allowed).map((each) => each.allowedAt - now))
        blocked.set(block, { result, cost, until })
      }
      return finish(id, result)
    } catch (error) {
      if (signal?.aborted) throw error
      report(id, 'error')
      const now = clock.now()
      return onUnavailable === 'memory'
        ? summarise(rules, local.check(id, rules, cost, now), cost, now)
        : without(rules, onUnavailable === 'allow', now)
    }
  }

  const finish = (id: string, result: RateLimitResult): RateLimitResult => {
    report(id, result.allowed ? 'allowed' : 'denied')
    return result
  }

  return (id, limit = 100, windowSeconds = 60, options) => {
    try {
      check(id, limit, windowSeconds)
      if (options === undefined && !coordination) {
        // What nearly every call is in one process.
        const now = clock.now()
        const window = Math.floor(now / (windowSeconds * 1000))
        const used = local.countFixed(keyName(id), limit, windowSeconds, window)
        const allowed = used <= limit
        const resetAt = (window + 1) * windowSeconds * 1000
        report(id, allowed ? 'allowed' : 'denied')
        return Promise.resolve({
          allowed,
          limit,
          windowSeconds,
          remaining: allowed ? limit - used : 0,
          resetAt,
          retryAfter: allowed ? 0 : Math.max(1, Math.ceil((resetAt - now) / 1000)),
        })
      }
      const { cost = 1, algorithm, name, and = [] } = options ?? {}
      for (const rule of and) check(id, rule.limit, rule.windowSeconds)
      if (!Number.isInteger(cost) || cost < 0) invalid('cost must be an integer >= 0')
      return several(keyName(id), [{ limit, windowSeconds, algorithm, name }, ...and], cost, options ?? {})
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }
}

function summarise(
  rules: readonly RateLimitRule[],
  verdicts: readonly Omit<Verdict, 'next'>[],
  cost: number,
  now: number,
): RateLimitResult {
  const allowed = verdicts.every((verdict) => verdict.allowed)
  const results = verdicts.map((verdict, index): RuleResult => {
    const { limit, windowSeconds, name } = rules[index] as RateLimitRule
    return {
      allowed: verdict.allowed,
      limit,
      windowSeconds,
      name,
      // Another rule has denied the call, so it has not been counted here.
      remaining: verdict.remaining + (verdict.allowed && !allowed ? cost : 0),
      resetAt: verdict.resetAt,
      retryAfter: verdict.allowed ? 0 : Math.max(1, Math.ceil((verdict.allowedAt - now) / 1000)),
    }
  })
  const strictest = results.reduce((one, other) =>
    other.retryAfter > one.retryAfter || (allowed && other.remaining < one.remaining) ? other : one,
  )
  return results.length === 1 ? strictest : { ...strictest, allowed, rules: results }
}

/** While the store is away: all of the limit, or none of it, until the end of the window. */
function without(rules: readonly RateLimitRule[], allowed: boolean, now: number): RateLimitResult {
  const verdicts = rules.map(({ limit, windowSeconds }) => {
    const windowMs = windowSeconds * 1000
    const resetAt = (Math.floor(now / windowMs) + 1) * windowMs
    return { allowed, remaining: allowed ? limit : 0, resetAt, allowedAt: allowed ? now : resetAt }
  })
  return summarise(rules, verdicts, 0, now)
}

function check(id: string, limit: number, windowSeconds: number): void {
  if (typeof id !== 'string' || id === '') invalid('id must be a non-empty string')
  if (!Number.isInteger(limit) || limit < 0) invalid('limit must be an integer >= 0')
  if (!(Number.isInteger(windowSeconds) && windowSeconds >= 1 && windowSeconds * 1000 <= MAX_MS)) {
    invalid('windowSeconds must be an integer >= 1 that a store can count')
  }
}

function invalid(what: string): never {
  refuse(`rateLimit: ${what}`, 'RATE_LIMIT_INVALID')
}
