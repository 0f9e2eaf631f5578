import { createCache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { measure, print, type Contender, type Measured } from '../measure.ts'
import { peers, type Track } from '../peers.ts'
import { exactly, target } from '../targets.ts'

const TRACK: Track = { id: 1, title: 'Night Drive' }
const CALLERS = 100

/** What a hit costs beside the least that an asynchronous cache can cost. */
export async function benchHits(): Promise<void> {
  const map = new Map([['track', TRACK]])
  const get = async (key: string): Promise<Track | undefined> => map.get(key)
  const results = await measure(
    [
      {
        name: 'awaited Map.get',
        async run(n) {
          for (let i = 0; i < n; i++) await get('track')
        },
      },
      ...peers(() => TRACK).map(({ name, hits }) => ({ name, run: hits })),
    ],
    { iterations: 10_000 },
  )
  print('A hit: one key, a small object, beside an awaited Map.get', results)
  target('a hit', ratioOf(results, '@msc/cache'), 3, '×')
}

/** What 100 simultaneous callers of a key that is not there cost, and how often they load it. */
export async function benchStampede(): Promise<void> {
  let loads = 0
  const load = (): Promise<Track> => {
    loads += 1
    return new Promise((resolve) => setImmediate(resolve, TRACK))
  }
  const flights = new Map<string, Promise<Track>>()
  const singleFlight = (key: string): Promise<Track> => {
    const running = flights.get(key)
    if (running) return running
    const started = load()
    flights.set(key, started)
    void started.then(() => flights.delete(key))
    return started
  }

  let keys = 0
  const loadsOf = new Map<string, number>()
  const stampede = (name: string, burst: (key: string, callers: number) => Promise<unknown>[]): Contender => ({
    name,
    async run(n) {
      for (let i = 0; i < n; i++) {
        const key = `cold:${(keys += 1)}`
        const before = loads
        await Promise.all(burst(key, CALLERS))
        loadsOf.set(name, Math.max(loadsOf.get(name) ?? 0, loads - before))
      }
    },
  })
  const results = await measure(
    [
      stampede('single flight by hand', (key, callers) => {
        const calls: Promise<unknown>[] = []
        for (let i = 0; i < callers; i++) calls.push(singleFlight(key))
        return calls
      }),
      ...peers(load).map(({ name, burst }) => stampede(name, burst)),
    ],
    { iterations: 400, warmUp: 30 },
  )
  print(`A stampede: ${CALLERS} callers of a cold key, beside a single flight by hand`, results)
  const unprotected = [...loadsOf].filter(([, count]) => count !== 1)
  for (const [name, count] of unprotected) console.log(`  ${name}: loaded ${count} times in one stampede`)
  exactly('loads in a stampede, at most', loadsOf.get('@msc/cache') ?? 0, 1, 'load')
  target('a stampede', ratioOf(results, '@msc/cache'), 2, '×')
}

/** What it costs to count a call against a limit, over 1 000 ids. */
export async function benchLimiter(): Promise<void> {
  const ids = Array.from({ length: 1000 }, (_, i) => `user:${i}`)
  const limit = 1e9
  const windows = new Map<string, { used: number; resetAt: number }>()
  const byHand = async (id: string): Promise<{ allowed: boolean; remaining: number; resetAt: number }> => {
    const now = Date.now()
    let window = windows.get(id)
    if (!window || window.resetAt <= now) windows.set(id, (window = { used: 0, resetAt: now + 60_000 }))
    window.used += 1
    return {
      allowed: window.used <= limit,
      remaining: Math.max(0, limit - window.used),
      resetAt: window.resetAt,
    }
  }
  const cache = createCache({ driver: memory() })
  const flexible = new RateLimiterMemory({ points: limit, duration: 60 })
  const results = await measure([
    {
      name: 'fixed window by hand',
      async run(n) {
        for (let i = 0; i < n; i++) await byHand(ids[i % 1000] as string)
      },
    },
    {
      name: '@msc/cache',
      async run(n) {
        for (let i = 0; i < n; i++) await cache.rateLimit(ids[i % 1000] as string, limit, 60)
      },
    },
    {
      name: 'rate-limiter-flexible',
      async run(n) {
        for (let i = 0; i < n; i++) await flexible.consume(ids[i % 1000] as string)
      },
    },
  ])
  print('A rate limit in memory, 1 000 ids, beside a fixed window by hand', results)
  target('a rate limit', ratioOf(results, '@msc/cache'), 1.5, '×')
  await cache.close()
}

export function ratioOf(results: readonly Measured[], name: string): number {
  return results.find((result) => result.name === name)?.ratio ?? Infinity
}
