/** What is known of a stored value. Times are wall time, milliseconds since the epoch. */
export interface Entry {
  /** The value, encoded by the codec. */
  readonly text: string
  readonly freshUntil: number
  /** Milliseconds its load took; decides how early it is refreshed. */
  readonly loadMs: number
  /** Each tag with the stamp it had when the load began. */
  readonly tags: Readonly<Record<string, string>>
}

// The first character says how the rest is written, so that formats can live side by side while a deployment rolls out.
const PLAIN = '2'
const DEFLATED = '3'

/** An entry as the string that a driver stores: format, header, newline, value. */
export async function formatEntry(entry: Entry, compressAbove: number): Promise<string> {
  const { text, freshUntil, loadMs, tags } = entry
  const header = JSON.stringify([Math.round(freshUntil), Math.round(loadMs), ...(isEmpty(tags) ? [] : [tags])])
  if (text.length <= compressAbove) return `${PLAIN}${header}\n${text}`
  return `${DEFLATED}${header}\n${await deflate(text)}`
}

/** The entry, or `undefined` for text that nobody here wrote, or that was cut off: a miss, not an error. */
export function parseEntry(stored: string): Entry | undefined | Promise<Entry | undefined> {
  const format = stored[0]
  if (format !== PLAIN && format !== DEFLATED) return undefined
  const end = stored.indexOf('\n')
  if (end === -1) return undefined
  try {
    const header: unknown = JSON.parse(stored.slice(1, end))
    if (!Array.isArray(header)) return undefined
    const [freshUntil, loadMs, tags = {}] = header as unknown[]
    if (typeof freshUntil !== 'number' || typeof loadMs !== 'number' || !isTags(tags)) return undefined
    const body = stored.slice(end + 1)
    if (format === PLAIN) return { text: body, freshUntil, loadMs, tags }
    return inflate(body).then(
      (text) => ({ text, freshUntil, loadMs, tags }),
      () => undefined,
    )
  } catch {
    return undefined
  }
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

async function deflate(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'))
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer())
  let binary = ''
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000))
  return btoa(binary)
}

async function inflate(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).text()
}

function isTags(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((stamp) => typeof stamp === 'string')
}

function isEmpty(tags: Readonly<Record<string, string>>): boolean {
  for (const _ in tags) return false
  return true
}
