import { startRedisServer } from './redis-server.ts'
import { createCache } from '@msc/cache'
import { redis } from '@msc/cache/redis'
import { Redis } from 'ioredis'
const s = await startRedisServer()
const client = new Redis(s.url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true })
await client.connect()
const cache = createCache({ driver: redis({ client }), namespace: 'bench' })
const load = () => ({ id: 1, title: 'Night Drive' })
await cache.cache('track', load, 3600)
if (process.argv[2] === 'raw') {
  for (let r = 0; r < 6; r++) {
    const t = performance.now()
    for (let i = 0; i < 5000; i++) await client.get('bench:track')
    console.log('raw', (performance.now() - t) / 5)
  }
} else
  for (let r = 0; r < 6; r++) {
    const t = performance.now()
    for (let i = 0; i < 5000; i++) await cache.cache('track', load, 3600)
    console.log('ours', (performance.now() - t) / 5)
  }
client.disconnect()
await s.close()
