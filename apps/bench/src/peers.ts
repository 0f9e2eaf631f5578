import { cachified, totalTtl, type Cache as CachifiedStore, type CacheEntry } from '@epic-web/cachified'
import { createCache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { createCache as createDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { createCache as createManager } from 'cache-manager'
import { Cacheable } from 'cacheable'
import { Keyv } from 'keyv'
import { LRUCache } from 'lru-cache'

export interface Track {
  readonly id: number
  readonly title: string
}

export type Load = () => Track | Promise<Track>

/** A read-through cache in memory, with a TTL of 60 seconds and room for 10 000 entries where that can be said. */
export interface Peer {
  readonly name: string
  // Each has loops of its own: a shared one would slow down with each contender.
  /** `n` awaited calls with one key. */
  hits(n: number): Promise<void>
  /** `callers` calls with one key at once. */
  burst(key: string, callers: number): Promise<unknown>[]
}

const KEY = 'track'
const MAX = 10_000
const TTL = 60_000

export function peers(load: Load): Peer[] {
  return [
    ours(load),
    lruFetch(load),
    dedupe(load),
    manager('cache-manager', createManager({ ttl: TTL }), load),
    manager('cache-manager, no serializing', createManager({ ttl: TTL, stores: [plainKeyv()] }), load),
    bento('bentocache', true, load),
    bento('bentocache, serialize: false', false, load),
    cachifiedLru(load),
    cacheable('cacheable', new Cacheable(), load),
    cacheable('cacheable, no serializing', new Cacheable({ primary: plainKeyv() }), load),
  ]
}

function ours(load: Load): Peer {
  const cache = createCache({ driver: memory({ maxEntries: MAX }) })
  return {
    name: '@msc/cache',
    burst(key, callers) {
      const calls: Promise<unknown>[] = []
      for (let i = 0; i < callers; i++) calls.push(cache.cache(key, load, 60))
      return calls
    },
    async hits(n) {
      for (let i = 0; i < n; i++) await cache.cache(KEY, load, 60)
    },
  }
}

function lruFetch(load: Load): Peer {
  const cache = new LRUCache<string, Track>({ max: MAX, ttl: TTL, fetchMethod: () => load() })
  return {
    name: 'lru-cache fetch',
    burst(key, callers) {
      const calls: Promise<unknown>[] = []
      for (let i = 0; i < callers; i++) calls.push(cache.fetch(key))
      return calls
    },
    async hits(n) {
      for (let i = 0; i < n; i++) await cache.fetch(KEY)
    },
  }
}

function dedupe(load: Load): Peer {
  const cache = createDedupe({ ttl: 60, storage: { type: 'memory', options: { size: MAX } } }).define(
    'track',
    async (_key: string) => load(),
  )
  return {
    name: 'async-cache-dedupe',
    burst(key, callers) {
      const calls: Promise<unknown>[] = []
      for (let i = 0; i < callers; i++) calls.push(cache.track(key))
      return calls
    },
    async hits(n) {
      for (let i = 0; i < n; i++) await cache.track(KEY)
    },
  }
}

/** Keyv on a Map, which keeps the objects themselves. */
function plainKeyv(): Keyv {
  const keyv = new Keyv()
  keyv.serialize = undefined
  keyv.deserialize = undefined
  return keyv
}

function manager(name: string, cache: ReturnType<typeof createManager>, load: Load): Peer {
  return {
    name,
    burst(key, callers) {
      const calls: Promise<unknown>[] = []
      for (let i = 0; i < callers; i++) calls.push(cache.wrap(key, load))
      return calls
    },
    async hits(n) {
      for (let i = 0; i < n; i++) await cache.wrap(KEY, load)
    },
  }
}

function bento(name: string, serialize: boolean, load: Load): Peer {
  const cache = new BentoCache({
    default: 'memory',
    ttl: TTL,
    stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: MAX, serialize })) },
  })
  return {
    name,
    burst(key, callers) {
      const calls: Promise<unknown>[] = []
      for (let i = 0; i < callers; i++) calls.push(cache.getOrSet({ key, factory: load }))
      return calls
    },
    async hits(n) {
      for (let i = 0; i < n; i++) await cache.getOrSet({ key: KEY, factory: load })
    },
  }
}

/** The adapter of cachified's README. */
function cachifiedLru(load: Load): Peer {
  const lru = new LRUCache<string, CacheEntry>({ max: MAX })
  const cache: CachifiedStore = {
    set(key, value) {
      const ttl = totalTtl(value.metadata)
      lru.set(key, value, { ...(ttl !== Infinity && { ttl }), start: value.metadata.createdTime })
    },
    get: (key) => lru.get(key),
    delete: (key) => void lru.delete(key),
  }
  return {
    name: 'cachified, lru-cache',
    burst(key, callers) {
      const calls: Promise<unknown>[] = []
      for (let i = 0; i < callers; i++) calls.push(cachified({ key, cache, ttl: TTL, getFreshValue: load }))
      return calls
    },
    async hits(n) {
      for (let i = 0; i < n; i++) await cachified({ key: KEY, cache, ttl: TTL, getFreshValue: load })
    },
  }
}

function cacheable(name: string, cache: Cacheable, load: Load): Peer {
  const fill = async (): Promise<Track> => load()
  return {
    name,
    burst(key, callers) {
      const calls: Promise<unknown>[] = []
      for (let i = 0; i < callers; i++) calls.push(cache.getOrSet(key, fill, { ttl: TTL }))
      return calls
    },
    async hits(n) {
      for (let i = 0; i < n; i++) await cache.getOrSet(KEY, fill, { ttl: TTL })
    },
  }
}
