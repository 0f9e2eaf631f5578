// A process that takes the lease of a key, says so, and never ends its load.
import { createCache } from '../create-cache.ts'
import { redis } from '../drivers/redis.ts'

const cache = createCache({ driver: redis({ url: `redis://127.0.0.1:${process.argv[2]}` }), leaseMs: 600 })
await cache.cache('held', () => {
  process.send?.('loading')
  // Holds the process open, which the timers of the cache don't.
  return new Promise(() => setInterval(() => undefined, 1000))
})
