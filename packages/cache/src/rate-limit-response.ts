import { problem } from '@msc/core/http-request'
import type { RateLimitResult, RuleResult } from './rate-limit.ts'

export interface RateLimitPolicy {
  /** The rule's name, where it has none of its own. Default made of limit and window: `100/60s`. */
  readonly name?: string
  /** Default the rule's. */
  readonly windowSeconds?: number
}

/**
 * `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), one item for each rule, and
 * `Retry-After` when denied.
 *
 * @param now Milliseconds since the epoch.
 */
export function rateLimitHeaders(
  result: RateLimitResult,
  policy: RateLimitPolicy = {},
  now: number = Date.now(),
): Record<string, string> {
  const policies: string[] = []
  const limits: string[] = []
  let longest = 0
  for (const rule of result.rules ?? [result]) {
    const name = JSON.stringify(nameOf(rule, policy))
    // Until there is more of the quota: for who is denied the time to try again.
    const t = rule.allowed ? (rule.resetAt - now) / 1000 : rule.retryAfter
    policies.push(`${name};q=${whole(rule.limit)};w=${whole(policy.windowSeconds ?? rule.windowSeconds)}`)
    limits.push(`${name};r=${whole(rule.remaining)};t=${whole(t)}`)
    longest = Math.max(longest, whole(rule.retryAfter))
  }
  return {
    'RateLimit-Policy': policies.join(', '),
    RateLimit: limits.join(', '),
    ...(!result.allowed && { 'Retry-After': String(Math.max(1, longest)) }),
  }
}

/**
 * A 429 with the header fields above and a problem document that names the policies that were violated (RFC 9457), and has
 * the code `RATE_LIMITED`; `traceId` is a member of it too. The routes of @msc/platform answer with it.
 */
export function rateLimitResponse(
  result: RateLimitResult,
  policy: RateLimitPolicy & { readonly instance?: string; readonly traceId?: string | undefined } = {},
  now: number = Date.now(),
): Response {
  const violated = (result.rules ?? [result]).filter((rule) => !rule.allowed).map((rule) => nameOf(rule, policy))
  const retryAfter = Math.max(1, whole(result.retryAfter))
  return problem({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Too many requests',
    status: 429,
    detail: `Try again in ${retryAfter} ${retryAfter === 1 ? 'second' : 'seconds'}.`,
    instance: policy.instance,
    code: 'RATE_LIMITED',
    headers: rateLimitHeaders(result, policy, now),
    extensions: { 'violated-policies': violated, traceId: policy.traceId },
  })
}

/** The largest number that clients of these fields have to understand: larger ones have an exponent at some point. */
const MAX = 2 ** 31 - 1

/** Returns a number that a header field can carry: what a limiter of the application says may be `NaN` or infinite. */
function whole(value: number): number {
  return Math.min(MAX, Math.max(0, Math.ceil(value) || 0))
}

function nameOf(rule: RuleResult, policy: RateLimitPolicy): string {
  // In the header fields only ASCII can stand, and clients look the names of the problem up there.
  return (rule.name ?? policy.name ?? `${rule.limit}/${rule.windowSeconds}s`).replace(/[^\x20-\x7e]/g, '?')
}
