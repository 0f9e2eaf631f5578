/** How a token bucket fills: `capacity` at once, and `perMs` for each millisecond that passes. */
export interface Rate {
  readonly capacity: number
  readonly perMs: number
}

/** A token bucket. Negative when something larger than the bucket was let through and is being paid off. */
export interface Bucket {
  tokens: number
  /** When it was last looked at, in monotonic milliseconds. */
  at: number
}

/** The rate of a limit per second: ten seconds' worth at once. */
export const perSecond = (limit: number): Rate => ({ capacity: limit * 10, perMs: limit / 1000 })
/** The rate of a limit per minute: the whole minute's worth at once. */
export const perMinute = (limit: number): Rate => ({ capacity: limit, perMs: limit / 60_000 })

export const fullBucket = ({ capacity }: Rate, now: number): Bucket => ({ tokens: capacity, at: now })

/** Milliseconds until the bucket gives `amount`; 0: now. What is larger than the bucket needs a full one. */
export function waitFor(bucket: Bucket, rate: Rate, amount: number, now: number): number {
  fill(bucket, rate, now)
  // A limit below one gives nothing, however long one waits.
  if (rate.capacity < 1 && amount > 0) return Number.POSITIVE_INFINITY
  const missing = Math.min(amount, rate.capacity) - bucket.tokens
  // What is missing by rounding alone is not missing, and who waits in whole milliseconds has waited long enough.
  return missing <= 1e-6 ? 0 : Math.ceil(missing / rate.perMs)
}

export function spend(bucket: Bucket, amount: number): void {
  bucket.tokens -= amount
}

function fill(bucket: Bucket, { capacity, perMs }: Rate, now: number): void {
  // A rate without a limit would be Infinity times 0 in the first millisecond.
  if (now > bucket.at) bucket.tokens = Math.min(capacity, bucket.tokens + (now - bucket.at) * perMs)
  bucket.at = now
}
