/**
 * - `fixed`: windows aligned to the clock. Cheapest; lets through up to twice the limit around a boundary.
 * - `sliding`: the last window counts for as much of it as is still within reach (an estimate: it takes the calls of the
 *   last window as evenly spread).
 * - `token-bucket`: `limit` calls at once, then one each time that `window / limit` has passed (GCRA).
 */
export type RateLimitAlgorithm = 'fixed' | 'sliding' | 'token-bucket'

export interface RateLimitRule {
  /** Calls per window, an integer ≥ 0. */
  readonly limit: number
  /** An integer ≥ 1. */
  readonly windowSeconds: number
  /** Default `fixed`. */
  readonly algorithm?: RateLimitAlgorithm | undefined
  /** In the `RateLimit` header fields. Default made of the limit and the window. */
  readonly name?: string | undefined
}

/** What is known of one id under one rule. For a bucket `used` is the time it is full again, and the others are 0. */
export interface RuleState {
  readonly used: number
  readonly previous: number
  /** The number of the window since the epoch. */
  readonly window: number
}

/** What a rule says to a call. Times are wall time, milliseconds since the epoch. */
export interface Verdict {
  readonly allowed: boolean
  /** Calls left, after this one if it is allowed; an integer ≥ 0. */
  readonly remaining: number
  /** When the rule has forgotten all calls, if none is made until then. */
  readonly resetAt: number
  /** When a call of this cost is allowed at the earliest; `now` for one that is. */
  readonly allowedAt: number
  /** The state if the call is allowed. */
  readonly next: RuleState
}

/**
 * What `rule` says to a call of `cost` at `now`. Pure; the script in `rate-limit-script.ts` computes the same, step by
 * step, so that memory and Redis agree to the last bit.
 *
 * The bucket is the generic cell rate algorithm (ITU-T I.371): one number, the time at which the bucket is full again.
 */
export function judgeCall(rule: RateLimitRule, state: RuleState | undefined, cost: number, now: number): Verdict {
  const windowMs = rule.windowSeconds * 1000
  const { limit } = rule
  if (rule.algorithm === 'token-bucket') return judgeBucket(limit, windowMs, state?.used ?? 0, cost, now)
  const window = Math.floor(now / windowMs)
  const age = state ? window - state.window : 2
  // A clock that went back stays in the newer window, or its calls would count twice.
  const used = age <= 0 ? (state?.used ?? 0) : 0
  const at = age < 0 ? (state?.window ?? window) : window
  const end = (at + 1) * windowMs
  if (rule.algorithm !== 'sliding') {
    const allowed = used + cost <= limit
    return {
      allowed,
      remaining: Math.max(0, limit - used - (allowed ? cost : 0)),
      resetAt: end,
      allowedAt: allowed ? now : end,
      next: { used: used + cost, previous: 0, window: at },
    }
  }
  const previous = age <= 0 ? (state?.previous ?? 0) : age === 1 ? (state?.used ?? 0) : 0
  return judgeSliding({ limit, windowMs, used, previous, at, end, cost, now })
}

function judgeSliding(input: {
  limit: number
  windowMs: number
  used: number
  previous: number
  at: number
  end: number
  cost: number
  now: number
}): Verdict {
  const { limit, windowMs, used, previous, at, end, cost, now } = input
  const weight = Math.min(1, Math.max(0, (end - now) / windowMs))
  const estimate = previous * weight + used
  const allowed = estimate + cost <= limit
  let allowedAt = now
  if (!allowed) {
    // Either enough of the last window slides out of this one, or this one must itself become the last.
    if (used + cost <= limit) allowedAt = end - (windowMs * (limit - used - cost)) / previous
    else if (cost <= limit) allowedAt = end + windowMs - (windowMs * (limit - cost)) / used
    else allowedAt = end + windowMs
    // Rounded up: a caller that comes back then must not be a fraction of a millisecond early.
    allowedAt = Math.max(Math.ceil(allowedAt), now + 1)
  }
  return {
    allowed,
    remaining: Math.max(0, Math.floor(limit - estimate - (allowed ? cost : 0))),
    resetAt: end + windowMs,
    allowedAt,
    next: { used: used + cost, previous, window: at },
  }
}

function judgeBucket(limit: number, windowMs: number, fullAt: number, cost: number, now: number): Verdict {
  if (limit === 0) {
    const resetAt = now + windowMs
    return {
      allowed: false,
      remaining: 0,
      resetAt,
      allowedAt: resetAt,
      next: { used: fullAt, previous: 0, window: 0 },
    }
  }
  const interval = windowMs / limit
  const from = Math.max(fullAt, now)
  const until = from + cost * interval
  // A thousandth of a millisecond of slack: the sum of `limit` intervals may miss the window by a rounding error.
  const allowed = until - windowMs <= now + 0.001
  const end = allowed ? until : from
  return {
    allowed,
    remaining: Math.max(0, Math.floor((windowMs - (end - now)) / interval + 1e-6)),
    resetAt: Math.ceil(end),
    allowedAt: allowed ? now : Math.max(Math.ceil(until - windowMs), now + 1),
    next: { used: until, previous: 0, window: 0 },
  }
}
