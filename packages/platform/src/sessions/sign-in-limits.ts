import type { RateLimitRule } from '@msc/cache'
import { assertNumbers } from '@msc/core'

const DAY_SECONDS = 86_400

/** How many attempts are free, and how the waits after them grow. */
export interface GrowingDelays {
  /** Default 5. */
  readonly free?: number
  /** The first wait, in seconds; each is twice the one before. Default 60. */
  readonly firstSeconds?: number
  /** The longest wait, in seconds. Default 900. */
  readonly mostSeconds?: number
}

/**
 * Returns growing delays as windows of a limiter, which keeps no more of a caller than counters: one attempt more than the
 * free ones fits into the first two waits together, one more into the first three, and so on. Beyond the longest wait, four
 * times as long a window has one attempt more for each of those, up to a day.
 *
 * @throws ConfigError `OPTION_INVALID` for what is no whole number of at least 1.
 * @example
 * growingDelays() // 5 in 1 minute, 6 in 3, 7 in 7, 8 in 15, 9 in 30, 15 in 2 hours, 39 in 8 hours, 103 in a day
 */
export function growingDelays(options: GrowingDelays = {}): RateLimitRule[] {
  const seconds = { least: 1, most: 1e9 }
  assertNumbers('sessions', options, { free: 1, firstSeconds: seconds, mostSeconds: seconds })
  const { free = 5, firstSeconds = 60, mostSeconds = 900 } = options
  const rules: RateLimitRule[] = []
  let limit = free
  let windowSeconds = firstSeconds
  const add = (): unknown => rules.push({ limit, windowSeconds, algorithm: 'sliding' })
  add()
  for (let delay = firstSeconds; delay < mostSeconds && windowSeconds < DAY_SECONDS;) {
    delay = Math.min(delay * 2, mostSeconds)
    windowSeconds += delay
    limit += 1
    add()
  }
  while (windowSeconds < DAY_SECONDS) {
    const longer = Math.min(windowSeconds * 4, DAY_SECONDS)
    limit += Math.floor((longer - windowSeconds) / mostSeconds)
    windowSeconds = longer
    add()
  }
  return rules
}

/** For a whole office behind one address: an attempt on each of many accounts is what it shows. */
export const ADDRESS_RULES: readonly RateLimitRule[] = [
  { limit: 20, windowSeconds: 60, algorithm: 'sliding' },
  { limit: 100, windowSeconds: 900, algorithm: 'sliding' },
  { limit: 500, windowSeconds: DAY_SECONDS, algorithm: 'sliding' },
]
