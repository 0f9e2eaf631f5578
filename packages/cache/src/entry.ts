import { decode, JSON_FORMAT } from './codec.ts'
import type { PromiseOr } from './driver.ts'
import { isolate, type Shared } from './isolate.ts'
import { NO_STAMPS, type Stamps } from './stamps.ts'

/** What is known of a stored value. Times are wall time, milliseconds since the epoch. */
export interface Entry {
  readonly shared: Shared
  readonly freshUntil: number
  /** Milliseconds for which it was to be fresh when it was written. */
  readonly ttlMs: number
  /** Milliseconds its load took; decides how early it is refreshed. */
  readonly loadMs: number
  /** Each tag with the stamp it had when the load began. */
  readonly tags: Stamps
}

/** What is written: an entry, with its value as the codec encodes it. */
export interface Writable extends Omit<Entry, 'shared'> {
  readonly text: string
}

// The first character says how the rest is written, so that formats can live side by side while a deployment rolls out.
/** Header as JSON, newline, value by the codec. */
const PLAIN = '2'
/** The same, with the value deflated, as base64. */
const DEFLATED = '3'
/** Header and value in one JSON array: one parse for the most frequent kind. */
const JOINED = '4'

/** Loaded when there is something to compress: most never do. */
const compression = () => import('./compression.ts')

/** An entry as the string that a driver stores. */
export function formatEntry(
  { text, freshUntil, ttlMs, loadMs, tags }: Writable,
  compressAbove: number,
): PromiseOr<string> {
  const header = `${Math.round(freshUntil)},${Math.round(loadMs)},${tags.size === 0 ? 0 : JSON.stringify(Object.fromEntries(tags))},${Math.round(ttlMs)}`
  if (text.length > compressAbove)
    return compression()
      .then(({ deflate }) => deflate(text))
      .then((body) => `${DEFLATED}[${header}]\n${body}`)
  if (text[0] === JSON_FORMAT) return `${JOINED}[${header},${text.slice(1)}]`
  return `${PLAIN}[${header}]\n${text}`
}

/** The entry, or `undefined` for text that nobody here wrote, or that was cut off: a miss, not an error. */
export function parseEntry(stored: string): PromiseOr<Entry | undefined> {
  const format = stored[0]
  try {
    if (format === JOINED) {
      const parts: unknown = JSON.parse(stored.slice(1))
      return Array.isArray(parts) && parts.length === 5 ? toEntry(parts, isolate(parts[4], true)) : undefined
    }
    if (format !== PLAIN && format !== DEFLATED) return undefined
    const end = stored.indexOf('\n')
    if (end === -1) return undefined
    const header: unknown = JSON.parse(stored.slice(1, end))
    if (!Array.isArray(header)) return undefined
    const body = stored.slice(end + 1)
    if (format === PLAIN) return toEntry(header, toShared(body))
    return compression()
      .then(({ inflate }) => inflate(body))
      .then(
        (text) => toEntry(header, toShared(text)),
        () => undefined,
      )
  } catch {
    return undefined
  }
}

function toShared(text: string): Shared | undefined {
  const decoded = decode(text)
  if (!decoded.ok) return undefined
  return isolate(decoded.value, true) ?? { value: undefined, text, bytes: text.length * 2 }
}

function toEntry(header: readonly unknown[], shared: Shared | undefined): Entry | undefined {
  const [freshUntil, loadMs, tags, ttlMs] = header
  if (!shared || typeof freshUntil !== 'number' || typeof loadMs !== 'number' || typeof ttlMs !== 'number')
    return undefined
  if (tags === 0) return { shared, freshUntil, ttlMs, loadMs, tags: NO_STAMPS }
  return isTags(tags) ? { shared, freshUntil, ttlMs, loadMs, tags: new Map(Object.entries(tags)) } : undefined
}

/** Milliseconds that the clocks of two processes may differ. */
const SKEW_MS = 5000

/**
 * Milliseconds until an entry goes stale; negative afterwards. One that would be fresh for longer than it was to be when
 * it was written comes from a clock that was ahead of ours. Where it may be served stale it counts as just gone stale, and
 * is made anew; elsewhere the store's own expiry ends it.
 *
 * @param now Wall time, milliseconds since the epoch.
 */
export function remainingOf(
  { freshUntil, ttlMs }: Pick<Entry, 'freshUntil' | 'ttlMs'>,
  { swrMs, graceMs }: Pick<Windows, 'swrMs' | 'graceMs'>,
  now: number,
): number {
  const remainingMs = freshUntil - now
  if (remainingMs <= ttlMs) return remainingMs
  return remainingMs > ttlMs + SKEW_MS && Math.max(swrMs, graceMs) > 0 ? 0 : ttlMs
}

export interface Windows {
  /** Milliseconds after it has gone stale in which it is served while somebody refreshes it. */
  readonly swrMs: number
  /** Milliseconds after it has gone stale in which it is served where no new one can be had. */
  readonly graceMs: number
  /** XFetch's beta; 0 for no early refresh. */
  readonly earlyRefresh: number
}

export type Verdict = 'fresh' | 'refresh' | 'grace' | 'expired'

/**
 * What may be done with a value: serve it, serve it and refresh it, serve it only in need, or not at all.
 *
 * Early refresh is XFetch (Vattani, Chierichetti, Lowenstein: "Optimal Probabilistic Cache Stampede Prevention", 2015):
 * the nearer the end and the slower the load, the likelier one caller refreshes before everybody must.
 *
 * @param remainingMs Until it goes stale; negative afterwards.
 */
export function judge(remainingMs: number, loadMs: number, windows: Windows, random: () => number): Verdict {
  if (remainingMs > 0) {
    const { earlyRefresh } = windows
    if (earlyRefresh > 0 && loadMs * earlyRefresh * -Math.log(random()) >= remainingMs) return 'refresh'
    return 'fresh'
  }
  if (-remainingMs < windows.swrMs) return 'refresh'
  return -remainingMs < windows.graceMs ? 'grace' : 'expired'
}

function isTags(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((stamp) => typeof stamp === 'string')
}
