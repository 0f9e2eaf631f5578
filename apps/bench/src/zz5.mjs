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
const A = [],
  B = [],
  C = []
const med = (a) => {
  const s = a.slice().sort((x, y) => x - y)
  return s[s.length >> 1]
}
for (let i = 0; i < 24000; i++) {
  let t = performance.now()
  await client.get('bench:track')
  let u = performance.now()
  if (i > 4000) A.push(u - t)
  t = performance.now()
  await cache.cache('track', load, 3600)
  u = performance.now()
  if (i > 4000) B.push(u - t)
  t = performance.now()
  JSON.parse((await client.get('bench:track')).slice(1))
  u = performance.now()
  if (i > 4000) C.push(u - t)
}
console.log(
  'raw',
  med(A) * 1000,
  'ours',
  med(B) * 1000,
  (med(B) / med(A)).toFixed(3),
  'raw+parse',
  (med(C) / med(A)).toFixed(3),
)
client.disconnect()
await s.close()
