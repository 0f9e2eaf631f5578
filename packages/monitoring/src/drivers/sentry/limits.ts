import { retryAfter, type HttpAnswer } from '@msc/core/http'
import type { KindLimit } from '@msc/core/delivery'
import { CATEGORIES } from './envelope.ts'

/** Milliseconds without a word from the server, after a 429 that says nothing else. */
const DEFAULT_MS = 60_000

/**
 * What an answer says of how long which kinds are to be kept back: `X-Sentry-Rate-Limits` on any answer, else
 * `Retry-After` of a 429.
 *
 * Source: https://develop.sentry.dev/sdk/expected-features/rate-limiting/
 */
export function limitsOf(answer: HttpAnswer, now: () => number): KindLimit[] {
  const header = answer.headers.get('x-sentry-rate-limits')
  if (header) return header.slice(0, 4096).split(',').flatMap(parseLimit)
  if (answer.status !== 429) return []
  return [{ kinds: 'all', forMs: retryAfter(answer.headers.get('retry-after'), now) ?? DEFAULT_MS }]
}

/** `60:error;transaction:organization:reason`; without categories it is about all. */
function parseLimit(text: string): KindLimit[] {
  const [seconds = '', categories = ''] = text.trim().split(':')
  const forMs = Number.parseFloat(seconds) * 1000
  if (!(forMs >= 0)) return []
  if (categories === '') return [{ kinds: 'all', forMs }]
  const named = new Set(categories.split(';'))
  const kinds = Object.keys(CATEGORIES).filter((kind) => named.has(CATEGORIES[kind] as string))
  return kinds.length === 0 ? [] : [{ kinds, forMs }]
}
