import type { Cache } from '../cache.ts'
import { createTagRecords, KEPT_SECONDS } from './tag-records.ts'

/** What Next.js (16.4) hands to the constructor of `cacheHandler`; the parts that are needed. */
export interface IsrContext {
  readonly fs?: { readFile(path: string, encoding: 'utf8'): Promise<unknown> }
  readonly serverDistDir?: string
}

/** A value of the incremental cache, which is Next's own business: a page, a route's answer, a fetch, an image. */
export interface IsrValue {
  readonly kind: string
  readonly tags?: readonly string[]
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  readonly [part: string]: unknown
}

interface Stored {
  readonly value: IsrValue | null
  readonly lastModified: number
  readonly tags: readonly string[]
  readonly cacheControl?: unknown
}

interface GetContext {
  readonly tags?: readonly string[]
  readonly softTags?: readonly string[]
}

interface SetContext {
  readonly tags?: readonly string[]
  readonly cacheControl?: { readonly expire?: number | undefined }
}

export interface IsrCacheHandler {
  get(key: string, context?: GetContext): Promise<Stored | null>
  set(key: string, value: IsrValue | null, context?: SetContext): Promise<void>
  revalidateTag(tags: string | string[], durations?: { expire?: number }): Promise<void>
  resetRequestCache(): void
}

/**
 * The class for `cacheHandler` in `next.config`: rendered pages, route handlers and fetches, in the cache, for all
 * instances of one build. While the store is away every read is a miss, and pages are rendered.
 *
 * @param cacheOf Gets the cache when it is first needed.
 */
export function createIsrCacheHandler(
  cacheOf: () => Cache,
  now: () => number = Date.now,
): new (context: IsrContext) => IsrCacheHandler {
  return class implements IsrCacheHandler {
    readonly #context: IsrContext
    #build: Promise<string> | undefined
    constructor(context: IsrContext) {
      this.#context = context
    }

    async get(key: string, { tags = [], softTags = [] }: GetContext = {}): Promise<Stored | null> {
      const cache = cacheOf()
      const stored = await cache.get<Stored>(await this.#keyOf(key))
      if (!stored) return null
      const verdict = await createTagRecords(cache, now)
        .judge([...stored.tags, ...tags, ...softTags], stored.lastModified)
        .catch(() => 'expired' as const)
      if (verdict === 'expired') return null
      // A page of the time before is served once more, and made anew behind it.
      const lastModified = verdict === 'stale' ? 1 : stored.lastModified
      return { ...stored, lastModified, value: withBuffers(stored.value) }
    }

    async set(key: string, value: IsrValue | null, { tags = [], cacheControl }: SetContext = {}): Promise<void> {
      const stored: Stored = {
        value,
        lastModified: now(),
        tags: [...new Set([...tags, ...(value?.tags ?? []), ...headerTags(value)])],
        ...(cacheControl && { cacheControl }),
      }
      const ttl = Math.min(cacheControl?.expire ?? KEPT_SECONDS, KEPT_SECONDS)
      await cacheOf().set(await this.#keyOf(key), stored, { ttl })
    }

    async revalidateTag(tags: string | string[], durations?: { expire?: number }): Promise<void> {
      await createTagRecords(cacheOf(), now).update(typeof tags === 'string' ? [tags] : tags, durations)
    }

    resetRequestCache(): void {
      // Nothing is kept for one request.
    }

    /** What one build has rendered is of no use to another. */
    async #keyOf(key: string): Promise<string> {
      const { fs, serverDistDir } = this.#context
      this.#build ??= Promise.resolve(serverDistDir && fs?.readFile(`${serverDistDir}/../BUILD_ID`, 'utf8')).then(
        (id) => String(id ?? 'none').trim(),
        () => 'none',
      )
      return `next:isr:${await this.#build}:${key}`
    }
  }
}

function headerTags(value: IsrValue | null): string[] {
  const header = value?.headers?.['x-next-cache-tags']
  return typeof header === 'string' && header !== '' ? header.split(',') : []
}

/** Bytes come back as `Uint8Array`, in which Next.js looks for the methods of `Buffer`. */
function withBuffers(value: IsrValue | null): IsrValue | null {
  const { Buffer } = globalThis as { Buffer?: { from(data: ArrayBufferLike, at: number, length: number): Uint8Array } }
  if (value === null || !Buffer) return value
  const revive = (part: unknown): unknown => {
    if (part instanceof Uint8Array) return Buffer.from(part.buffer, part.byteOffset, part.byteLength)
    if (part instanceof Map) return new Map([...part].map(([name, each]) => [name, revive(each)]))
    return part
  }
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part)])) as unknown as IsrValue
}
