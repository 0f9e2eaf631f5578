// One process of `benchOutage`: says how long a call takes whose store does not answer.
import { createCache } from '@msc/cache'
import { redis } from '@msc/cache/redis'
import { createKeyv } from '@keyv/redis'
import { createCache as createDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisDriver } from 'bentocache/drivers/redis'
import { createCache as createManager } from 'cache-manager'
import { Cacheable } from 'cacheable'
import { Redis } from '../drivers/ioredis.ts'

const [contender, port, deadline] = process.argv.slice(2) as [string, string, string]
const url = `redis://127.0.0.1:${port}`
const load = async (): Promise<{ title: string }> => ({ title: 'Night Drive' })

/** Each as its documentation sets it up, except ours, whose deadline is what is measured. */
const contenders: Record<string, () => (key: string) => Promise<unknown>> = {
  '@msc/cache'() {
    const cache = createCache({ driver: redis({ url }), timeoutMs: Number(deadline), onError: () => {} })
    return (key) => cache.cache(key, load, 60)
  },
  bentocache() {
    const connection = { host: '127.0.0.1', port: Number(port) }
    const cache = new BentoCache({
      default: 'tiers',
      ttl: 60_000,
      stores: { tiers: bentostore().useL1Layer(memoryDriver()).useL2Layer(redisDriver({ connection })) },
    })
    return (key) => cache.getOrSet({ key, factory: load })
  },
  cacheable() {
    const cache = new Cacheable({ secondary: createKeyv(url) })
    cache.on('error', () => {})
    return (key) => cache.getOrSet(key, load, { ttl: 60_000 })
  },
  'cache-manager'() {
    const cache = createManager({ ttl: 60_000, stores: [createKeyv(url)] })
    return (key) => cache.wrap(key, load)
  },
  'async-cache-dedupe'() {
    const client = new Redis(url)
    client.on('error', () => {})
    const cache = createDedupe({ ttl: 60, storage: { type: 'redis', options: { client } } }).define(
      'track',
      async (_key: string) => load(),
    )
    return (key) => cache.track(key)
  },
}

process.on('unhandledRejection', () => {})
const call = (contenders[contender] as () => (key: string) => Promise<unknown>)()
process.on('message', async (key: string) => {
  const from = performance.now()
  const value = await call(key).catch(() => undefined)
  const right = (value as { title?: string } | undefined)?.title === 'Night Drive'
  process.send?.({ right, milliseconds: performance.now() - from })
})
process.send?.('ready')
