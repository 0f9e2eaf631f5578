import { retryAfter, type HttpAnswer } from '@msc/core/http'
import type { KindLimit } from '@msc/core/delivery'
import { CATEGORIES } from './envelope.ts'

/** The wait in milliseconds after a 429 that gives no time. */
const DEFAULT_MS = 60_000
/** The longest wait in milliseconds: a server with a wrong clock, or a proxy, must not stop delivery for days. */
const LONGEST_MS = 15 * 60_000

/**
 * Reads the rate limits from an answer: `X-Sentry-Rate-Limits` on any answer, else `Retry-After` of a 429.
 *
 * Source: https://develop.sentry.dev/sdk/expected-features/rate-limiting/
 */
export function limitsOf(answer: HttpAnswer, now: () => number): KindLimit[] {
  const header = answer.headers.get('x-sentry-rate-limits')
  if (header) return header.slice(0, 4096).split(',').flatMap(parseLimit)
  if (answer.status !== 429) return []
  return [{ kinds: 'all', forMs: believed(retryAfter(answer.headers.get('retry-after'), now)) }]
}

/** Caps a wait. An unreadable one counts as a minute, as in Sentry's SDKs. */
function believed(forMs: number = DEFAULT_MS): number {
  return Math.min(forMs, LONGEST_MS)
}

/** Parses `60:error;transaction:organization:reason`. Without categories the limit applies to all kinds. */
function parseLimit(text: string): KindLimit[] {
  const [seconds = '', categories = ''] = text.trim().split(':')
  const forMs = believed(/^\d+(?:\.\d+)?$/.test(seconds) ? Number(seconds) * 1000 : undefined)
  if (categories === '') return [{ kinds: 'all', forMs }]
  const named = new Set(categories.split(';'))
  const kinds = Object.keys(CATEGORIES).filter((kind) => named.has(CATEGORIES[kind] as string))
  return kinds.length === 0 ? [] : [{ kinds, forMs }]
}
