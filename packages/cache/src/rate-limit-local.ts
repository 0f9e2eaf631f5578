import { LRUCache } from 'lru-cache'
import { judgeCall, type RateLimitRule, type Verdict } from './rate-limit-rules.ts'

/** Counts calls in this process. */
export interface LocalLimiter {
  /** What each rule says; the call counts for all of them, or for none. */
  check(id: string, rules: readonly RateLimitRule[], cost: number, now: number): readonly Verdict[]
  /** `check` for one fixed window and a call of cost 1: how many calls were counted, this one included. */
  countFixed(id: string, limit: number, windowSeconds: number, window: number): number
}

interface MutableState {
  used: number
  previous: number
  window: number
}

/** Ids that are remembered for one kind of window; the one that called longest ago is forgotten first. */
const MAX_IDS = 50_000
const MAX_KINDS = 64

export function createLocalLimiter(): LocalLimiter {
  const kinds = new LRUCache<string, LRUCache<string, MutableState>>({ max: MAX_KINDS })
  let lastWindow = 0
  let lastIds: LRUCache<string, MutableState> | undefined

  const idsOf = (kind: string): LRUCache<string, MutableState> => {
    let ids = kinds.get(kind)
    if (!ids) kinds.set(kind, (ids = new LRUCache<string, MutableState>({ max: MAX_IDS })))
    return ids
  }
  const kindOf = ({ algorithm = 'fixed', windowSeconds }: RateLimitRule): string => `${algorithm}:${windowSeconds}`

  return {
    check(id, rules, cost, now) {
      const verdicts = rules.map((rule) =>
        judgeCall(rule, ofThisTime(rule, idsOf(kindOf(rule)).get(id), now), cost, now),
      )
      if (verdicts.every(({ allowed }) => allowed)) {
        for (const [index, rule] of rules.entries()) {
          const { next } = verdicts[index] as Verdict
          idsOf(kindOf(rule)).set(id, { used: next.used, previous: next.previous, window: next.window })
        }
      }
      return verdicts
    },
    countFixed(id, limit, windowSeconds, window) {
      if (lastIds === undefined || windowSeconds !== lastWindow) {
        lastIds = idsOf(`fixed:${windowSeconds}`)
        lastWindow = windowSeconds
      }
      const state = lastIds.get(id)
      if (state === undefined) {
        lastIds.set(id, { used: limit > 0 ? 1 : 0, previous: 0, window })
        return 1
      }
      if (state.window < window || state.window > window + 1) {
        state.window = window
        state.used = 0
      }
      if (state.used >= limit) return limit + 1
      return (state.used += 1)
    },
  }
}

/**
 * The state, unless it comes from a time that no clock which goes on could have seen: the clock was wrong when it was
 * written, and has been set back since. It would deny for as long as the clock was ahead.
 */
function ofThisTime(rule: RateLimitRule, state: MutableState | undefined, now: number): MutableState | undefined {
  if (!state) return undefined
  const windowMs = rule.windowSeconds * 1000
  const ahead =
    rule.algorithm === 'token-bucket' ? state.used - now > windowMs : state.window - Math.floor(now / windowMs) > 1
  return ahead ? undefined : state
}
