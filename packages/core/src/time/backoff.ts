export interface BackoffOptions {
  /** The first ceiling, in milliseconds. Default 100. */
  readonly baseMs?: number
  /** The largest ceiling, in milliseconds. Default 30 000. */
  readonly maxMs?: number
  /** Returns a number in [0, 1). Default `Math.random`. */
  readonly random?: () => number
}

/**
 * Returns the milliseconds to wait before attempt `attempt` (0 is the first retry): exponential backoff with full jitter,
 * uniform in [0, min(max, base · 2^attempt)].
 *
 * Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 */
export function backoff(attempt: number, options: BackoffOptions = {}): number {
  const { baseMs = 100, maxMs = 30_000, random = Math.random } = options
  // 2 ** 1024 is Infinity, which min() handles; a negative attempt counts as the first.
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.max(0, attempt))
  return Math.round(random() * ceiling)
}
