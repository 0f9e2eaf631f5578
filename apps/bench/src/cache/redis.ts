import { createCache, type CacheOptions } from '@msc/cache'
import { redis } from '@msc/cache/redis'
import { Redis } from '../drivers/ioredis.ts'
import { ratioOf } from './memory.ts'
import { compare, median, print } from '../measure.ts'
import { startRedisServer, type RedisServer } from '../redis-server.ts'
import { exactly, target } from '../targets.ts'
import { startWorker } from '../worker.ts'

const PROCESSES = 5
const CALLERS = 20
const ROUNDS = 5
const WARM_UP = 4000
const SAMPLES = 20_000

export async function benchRedis(): Promise<void> {
  const server = await startRedisServer()
  try {
    await benchProcesses(server)
    await benchRedisHits(server)
  } finally {
    await server.close()
  }
}

/** How often 5 processes × 20 callers load a key that neither they nor their Redis have. */
async function benchProcesses(server: RedisServer): Promise<void> {
  console.log(`\nA stampede: ${PROCESSES} processes × ${CALLERS} callers of a cold key, one Redis, a loader of 50 ms`)
  for (const name of ['@msc/cache', 'bentocache, L1 + L2 + bus']) {
    const { loads, milliseconds } = await stampede(name, server)
    console.log(`  ${name.padEnd(34)} ${loads.join(', ')} loads in ${ROUNDS} rounds, ${milliseconds.toFixed(0)} ms`)
    if (name === '@msc/cache') exactly('loads by all processes, at most', Math.max(...loads), 1, 'load')
  }
}

/** The loads of each round, and the median time from the barrier until the last process had all its values. */
async function stampede(
  contender: string,
  server: RedisServer,
): Promise<{ readonly loads: number[]; readonly milliseconds: number }> {
  const file = new URL('./processes-worker.ts', import.meta.url)
  const args = [contender, String(server.port), String(CALLERS)]
  const workers = Array.from({ length: PROCESSES }, () => startWorker(file, args))
  const client = new Redis(server.url)
  const all = async (expected: string): Promise<void> => {
    const said = await Promise.all(workers.map((worker) => worker.next<string>(20_000)))
    const odd = said.find((message) => message !== expected)
    if (said.some((message) => message !== expected))
      throw new Error(`${contender}: a process said ${odd ?? 'nothing'}`)
  }
  try {
    await all('ready')
    const loads: number[] = []
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const key = `cold:${contender}:${round}`
      const from = performance.now()
      for (const worker of workers) worker.send(key)
      await all('done')
      times.push(performance.now() - from)
      loads.push(Number(await client.get(`loads:${key}`)))
    }
    return { loads, milliseconds: times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] as number }
  } finally {
    client.disconnect()
    for (const worker of workers) worker.kill()
  }
}

/** What we add to a round trip. */
async function benchRedisHits(server: RedisServer): Promise<void> {
  const client = new Redis(server.url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true })
  await client.connect()
  // Without a local tier, or a hit would be no round trip.
  const options = { driver: redis({ client }), namespace: 'bench', local: false } as CacheOptions
  const cache = createCache(options)
  const load = (): { id: number; title: string } => ({ id: 1, title: 'Night Drive' })
  await cache.cache('track', load, 3600)
  const [stored] = await client.keys('*track*')
  if (stored === undefined) throw new Error('The value is not in Redis.')
  // One call after the other in turn: on a busy machine a round trip varies more from second to second than we add.
  const raw: number[] = []
  const ours: number[] = []
  for (let i = 0; i < WARM_UP + SAMPLES; i++) {
    let from = performance.now()
    await client.get(stored)
    const between = performance.now()
    if (i >= WARM_UP) raw.push(between - from)
    from = performance.now()
    await cache.cache('track', load, 3600)
    const end = performance.now()
    if (i >= WARM_UP) ours.push(end - from)
  }
  const results = compare([
    { name: 'client.get', nanoseconds: median(raw) * 1e6 },
    { name: '@msc/cache, no local tier', nanoseconds: median(ours) * 1e6 },
  ])
  print('A hit in Redis, beside a get on the same ioredis client', results)
  target('a hit in Redis', ratioOf(results, '@msc/cache, no local tier'), 1.1, '×')
  await cache.close()
  client.disconnect()
}
