import { judgeCall, type RateLimitRule, type RuleState } from '@msc/cache'
import type { Clock } from '@msc/core'

/** Counts within this process. */
export interface Floor {
  /** Counts a call under all rules, unless one refuses it. Returns the milliseconds to wait; 0 when the call is allowed. */
  wait(id: string, rules: readonly RateLimitRule[]): number
  /** How many ids and buckets are held. */
  readonly size: number
}

export interface FloorBounds {
  /** Ids with counts of their own. Default 10 000. */
  readonly mostIds?: number
  /** Counts that are shared by the ids beyond those. Default 16 384. */
  readonly buckets?: number
}

/** How many of the ids that were used longest ago are compared when one has to go. */
const COMPARED = 8

/**
 * Makes counters of bounded memory that never forget a call that still counts, whoever floods them with how many ids: what one
 * id had is kept, when it has to go, in a bucket that it shares with others, as the most that any of them had. So a new
 * id may be counted too high, and none too low. Of the oldest, the one that was used least goes first: the buckets stay low, and
 * what is being attacked keeps counts of its own.
 *
 * All ids of one floor are counted under the same rules, and end with eight hex digits of a hash.
 */
export function createFloor(clock: Clock, { mostIds = 10_000, buckets = 16_384 }: FloorBounds = {}): Floor {
  // A map keeps the order of insertion, so that those that were used longest ago come first.
  const own = new Map<string, readonly RuleState[]>()
  const shared = new Map<number, readonly RuleState[]>()
  const bucketOf = (id: string): number => (Number.parseInt(id.slice(-8), 16) || 0) % buckets
  const makeRoom = (): void => {
    let least: string | undefined
    let compared = 0
    for (const id of own.keys()) {
      if (least === undefined || usesOf(own.get(id)) < usesOf(own.get(least))) least = id
      if ((compared += 1) === COMPARED) break
    }
    if (least === undefined) return
    const bucket = bucketOf(least)
    shared.set(bucket, merge(own.get(least) as readonly RuleState[], shared.get(bucket)))
    own.delete(least)
  }
  return {
    get size() {
      return own.size + shared.size
    },
    wait(id, rules) {
      const now = clock.now()
      const states = own.get(id) ?? shared.get(bucketOf(id))
      const verdicts = rules.map((rule, index) => judgeCall(rule, ofThisTime(rule, states?.[index], now), 1, now))
      const wait = Math.max(...verdicts.map(({ allowed, allowedAt }) => (allowed ? 0 : Math.max(1, allowedAt - now))))
      if (wait === 0 && !own.has(id) && own.size >= mostIds) makeRoom()
      const held = own.get(id)
      const next = wait === 0 ? verdicts.map((verdict) => verdict.next) : held
      // Also a refused call is one: who goes on is not who has to go.
      if (held) own.delete(id)
      if (next) own.set(id, next)
      return wait
    },
  }
}

/** Under the last rule, whose window is the longest. */
function usesOf(states: readonly RuleState[] | undefined): number {
  const last = states?.at(-1)
  return last ? last.used + last.previous : 0
}

/** Returns states that allow no more than either of two. */
function merge(one: readonly RuleState[], other: readonly RuleState[] | undefined): readonly RuleState[] {
  if (!other) return one
  return one.map((state, index) => {
    const second = other[index] ?? state
    const window = Math.max(state.window, second.window)
    const [a, b] = [at(state, window), at(second, window)]
    return { used: Math.max(a.used, b.used), previous: Math.max(a.previous, b.previous), window }
  })
}

/** Returns a state as it is in a window that has come since. */
function at({ used, previous, window }: RuleState, later: number): Omit<RuleState, 'window'> {
  if (window === later) return { used, previous }
  return { used: 0, previous: window === later - 1 ? used : 0 }
}

/** Leaves out a state from a time to come: the clock was wrong when it was written, and would refuse until then. */
function ofThisTime(
  { windowSeconds, algorithm }: RateLimitRule,
  state: RuleState | undefined,
  now: number,
): RuleState | undefined {
  if (!state) return undefined
  const windowMs = windowSeconds * 1000
  const isAhead =
    algorithm === 'token-bucket' ? state.used - now > windowMs : state.window - Math.floor(now / windowMs) > 1
  return isAhead ? undefined : state
}
