import { emit, ValidationError, type Clock } from '@msc/core'
import type { CacheDriver, Counter } from './driver.ts'
import type { Guard } from './guarded-driver.ts'

/** What happens while the store does not answer: everybody passes, nobody does, or this process counts alone. */
export type OnUnavailable = 'allow' | 'deny' | 'memory'

export interface RateLimitOptions {
  /** Default `memory`. */
  readonly onUnavailable?: OnUnavailable
  readonly signal?: AbortSignal
}

export interface RateLimitResult {
  readonly allowed: boolean
  readonly limit: number
  /** Calls left in this window, ≥ 0. */
  readonly remaining: number
  /** When the window ends, milliseconds since the epoch. The same for every call of one window. */
  readonly resetAt: number
  /** Seconds until a denied caller may try again, ≥ 1; 0 when allowed. */
  readonly retryAfter: number
}

export type RateLimiter = (
  id: string,
  limit: number,
  windowSeconds: number,
  options?: RateLimitOptions,
) => Promise<RateLimitResult>

export interface RateLimiterDeps {
  readonly driver: CacheDriver
  readonly guard: Guard
  readonly fallback: CacheDriver
  readonly namespace: string
  readonly clock: Clock
}

const NEVER = new AbortController().signal

/**
 * Fixed windows aligned to the clock, so that every process agrees on `resetAt` without asking: the counter of a window
 * has the window's number in its key.
 */
export function createRateLimiter({ driver, guard, fallback, namespace, clock }: RateLimiterDeps): RateLimiter {
  return async (id, limit, windowSeconds, options = {}) => {
    check(id, limit, windowSeconds)
    const { onUnavailable = 'memory', signal } = options
    const windowMs = windowSeconds * 1000
    const now = clock.now()
    const window = Math.floor(now / windowMs)
    const resetAt = (window + 1) * windowMs
    const key = `${namespace}:rl:${windowSeconds}:${window}:${id}`

    let counter: Counter | undefined
    try {
      // Kept for a second longer than the window: clocks of two machines differ.
      counter = await guard.call('increment', (s) => driver.increment(key, 1, resetAt - now + 1000, s), signal)
    } catch (error) {
      if (signal?.aborted) throw error
      if (onUnavailable === 'memory') counter = await fallback.increment(key, 1, resetAt - now + 1000, NEVER)
    }

    const used = counter?.value ?? (onUnavailable === 'allow' ? 0 : limit + 1)
    const allowed = used <= limit
    emit('rate-limit.check', { id, outcome: counter ? (allowed ? 'allowed' : 'denied') : 'error' })
    return {
      allowed,
      limit,
      remaining: Math.max(0, limit - used),
      resetAt,
      retryAfter: allowed ? 0 : Math.max(1, Math.ceil((resetAt - now) / 1000)),
    }
  }
}

/** `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), and `Retry-After` when denied. */
export function rateLimitHeaders(
  result: RateLimitResult,
  policy: { readonly name: string; readonly windowSeconds: number },
  now: number = Date.now(),
): Record<string, string> {
  const t = Math.max(0, Math.ceil((result.resetAt - now) / 1000))
  const name = JSON.stringify(policy.name.replace(/[^\x20-\x7e]/g, '?'))
  return {
    'RateLimit-Policy': `${name};q=${result.limit};w=${policy.windowSeconds}`,
    RateLimit: `${name};r=${result.remaining};t=${t}`,
    ...(!result.allowed && { 'Retry-After': String(Math.max(t, result.retryAfter)) }),
  }
}

function check(id: string, limit: number, windowSeconds: number): void {
  const fail = (what: string): never => {
    throw new ValidationError(`[msc/cache] rateLimit: ${what}.`, [], { code: 'RATE_LIMIT_INVALID' })
  }
  if (typeof id !== 'string' || id === '') fail('id must be a non-empty string')
  if (!Number.isInteger(limit) || limit < 0) fail('limit must be an integer ≥ 0')
  if (!Number.isInteger(windowSeconds) || windowSeconds < 1) fail('windowSeconds must be an integer ≥ 1')
}
