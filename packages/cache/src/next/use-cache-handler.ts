import { assertNumbers, reportFailure } from '@msc/core'
import { readBody } from '@msc/core/http-request'
import { createTagRecords, KEPT_SECONDS } from './tag-records.ts'
import type { Cache } from '../cache.ts'

// The parts of Next's `dist/server/lib/cache-handlers/types` (16.4) that are needed, so that the types of this package
// do not need Next.js.
export interface NextCacheEntry {
  value: ReadableStream<Uint8Array>
  tags: string[]
  stale: number
  timestamp: number
  expire: number
  revalidate: number
}

export interface NextCacheHandler {
  get(cacheKey: string, softTags: string[]): Promise<undefined | NextCacheEntry>
  set(cacheKey: string, pendingEntry: Promise<NextCacheEntry>): Promise<void>
  refreshTags(): Promise<void>
  getExpiration(tags: string[]): Promise<number>
  updateTags(tags: string[], durations?: { expire?: number }): Promise<void>
}

export interface UseCacheHandlerOptions {
  /** The cache, or how to get it when it is first needed. */
  readonly cache: Cache | (() => Cache)
  /** Bytes of an entry that is kept at most. Default 8 MiB. */
  readonly maxBytes?: number
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

type Stored = Omit<NextCacheEntry, 'value'> & { readonly bytes: Uint8Array }

/**
 * A handler for `cacheHandlers` in `next.config`: what `use cache` and `use cache: remote` keep, in the cache, with tags
 * that reach every instance. While the store is away every read is a miss.
 */
export function createUseCacheHandler(options: UseCacheHandlerOptions): NextCacheHandler {
  assertNumbers('cache', options, { maxBytes: 0 })
  const { maxBytes = 8 * 1024 * 1024, now = Date.now } = options
  const cacheOf = typeof options.cache === 'function' ? options.cache : () => options.cache as Cache
  const keyOf = (cacheKey: string): string => `next:use:${cacheKey}`
  const pending = new Map<string, Promise<void>>()

  const store = async (cacheKey: string, pendingEntry: Promise<NextCacheEntry>): Promise<void> => {
    const { value, ...entry } = await pendingEntry
    // Part of an entry is none: one that fails or is too large is not kept.
    const { bytes } = await readBody(value, { maxBytes })
    // Next.js makes an entry that expires at once anew on every read.
    if (!bytes || entry.expire <= 0) return
    await cacheOf().set(keyOf(cacheKey), { ...entry, bytes } satisfies Stored, {
      ttl: Math.min(entry.expire, KEPT_SECONDS),
    })
  }

  return {
    async get(cacheKey, softTags) {
      await pending.get(cacheKey)
      const cache = cacheOf()
      const stored = await cache.get<Stored>(keyOf(cacheKey))
      if (!stored) return undefined
      const { bytes, ...entry } = stored
      const verdict = await createTagRecords(cache, now)
        .judge([...entry.tags, ...softTags], entry.timestamp)
        .catch(() => 'expired' as const)
      if (verdict === 'expired') return undefined
      return {
        ...entry,
        tags: [...entry.tags],
        // Served once more, while Next.js makes a new one.
        revalidate: verdict === 'stale' ? -1 : entry.revalidate,
        value: streamOf(bytes),
      }
    },
    async set(cacheKey, pendingEntry) {
      const storing = store(cacheKey, pendingEntry).catch((error: unknown) => {
        // The page has what it needs; only the copy is lost.
        reportFailure(error, { concern: 'cache', operation: 'keep an entry of "use cache"' })
      })
      pending.set(cacheKey, storing)
      await storing
      if (pending.get(cacheKey) === storing) pending.delete(cacheKey)
    },
    // Tags are read with each entry, so there is nothing to bring up to date.
    async refreshTags() {},
    // Soft tags are to be passed to `get`.
    getExpiration: async () => Infinity,
    updateTags: async (tags, durations) => createTagRecords(cacheOf(), now).update(tags, durations),
  }
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.byteLength > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}
