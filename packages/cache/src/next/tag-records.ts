import { UnavailableError } from '@msc/core'
import type { Cache } from '../cache.ts'

/** What Next.js knows of a tag. Milliseconds since the epoch; the meaning of both is Next's own tags manifest's. */
interface TagRecord {
  /** Entries that are older are served once more, while a new one is made. */
  readonly stale?: number
  /** From then on entries that are older are not served. */
  readonly expired?: number
}

type TagVerdict = 'current' | 'stale' | 'expired'

/** Tags as all instances see them: in the cache, rather than in the memory of one. */
export interface TagRecords {
  /** The worst of the tags, for an entry made at `timestamp`. @throws UnavailableError while the store is away. */
  judge(tags: readonly string[], timestamp: number): Promise<TagVerdict>
  /**
   * @param expireSeconds Until then entries are stale, and expired from then on; `undefined` for never. Without
   * `durations` they are expired now.
   * @throws UnavailableError while the store is away: who revalidates must know that old entries may still be served.
   */
  update(tags: readonly string[], durations: { readonly expire?: number } | undefined): Promise<void>
}

/** As long as an entry is kept at most. */
export const KEPT_SECONDS: number = 30 * 86_400

/** Most tags were never revalidated, and have no record: those reads say nothing of what is cached. */
const READ = { strict: true, counted: false }

export function createTagRecords(cache: Cache, now: () => number): TagRecords {
  const keyOf = (tag: string): string => `next:tag:${tag}`
  return {
    async judge(tags, timestamp) {
      if (tags.length === 0) return 'current'
      const records = await cache.getMany<TagRecord>(tags.map(keyOf), READ)
      const at = now()
      if (records.some((it) => it?.expired !== undefined && it.expired <= at && it.expired > timestamp))
        return 'expired'
      return records.some((it) => it?.stale !== undefined && it.stale > timestamp) ? 'stale' : 'current'
    },
    async update(tags, durations) {
      if (tags.length === 0) return
      const at = now()
      const records = await cache.getMany<TagRecord>(tags.map(keyOf), READ)
      const written = await cache.setMany(
        tags.map((tag, index) => {
          const known = records[index] ?? {}
          if (!durations) return [keyOf(tag), { ...known, expired: at }]
          const { expire } = durations
          return [keyOf(tag), { ...known, stale: at, ...(expire !== undefined && { expired: at + expire * 1000 }) }]
        }),
        KEPT_SECONDS,
      )
      if (!written) throw new UnavailableError('[msc/cache] The tags could not be revalidated: the store is away.')
    },
  }
}
