// One of the processes of `benchProcesses`: calls a key that it is told, 20 times at once.
import { createCache } from '@msc/cache'
import { redis } from '@msc/cache/redis'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { Redis } from '../drivers/ioredis.ts'

const [contender, port, callers] = process.argv.slice(2) as [string, string, string]
const connection = { host: '127.0.0.1', port: Number(port) }
const counter = new Redis(connection)

async function load(key: string): Promise<{ title: string }> {
  await counter.incr(`loads:${key}`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  return { title: 'Night Drive' }
}

function contenders(): (key: string) => Promise<unknown> {
  if (contender === '@msc/cache') {
    const cache = createCache({ driver: redis({ url: `redis://127.0.0.1:${port}` }) })
    return (key) => cache.cache(key, () => load(key), 60)
  }
  const cache = new BentoCache({
    default: 'tiers',
    ttl: 60_000,
    stores: {
      tiers: bentostore()
        // Not `serialize: false`: with a second layer, 1.6.1 throws on what it finds there.
        .useL1Layer(memoryDriver())
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection })),
    },
  })
  return (key) => cache.getOrSet({ key, factory: () => load(key) })
}

const call = contenders()
// Connections are made before the barrier; what is measured is the stampede.
await call(`warm:${process.pid}`)
process.on('message', async (key: string) => {
  const titles = await Promise.all(Array.from({ length: Number(callers) }, () => call(key)))
  const right = titles.every((value) => (value as { title?: string } | undefined)?.title === 'Night Drive')
  process.send?.(right ? 'done' : 'wrong')
})
process.send?.('ready')
