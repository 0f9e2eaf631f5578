import { createCache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { exactly } from '../targets.ts'

const KEYS = 10_000
const REQUESTS = 200_000
const SEED = 20_260_101

/** Whether the hit rate that the cache reports is the one that its loader saw, over a trace that most sites resemble. */
export async function benchHitRate(): Promise<void> {
  const trace = zipf(KEYS, REQUESTS, mulberry32(SEED))
  console.log(`\nHit rate: Zipf 1.0, ${KEYS} keys, ${REQUESTS} requests, seed ${SEED}`)
  for (const maxEntries of [1000, 3000, 10_000]) {
    const cache = createCache({ driver: memory({ maxEntries }) })
    let loads = 0
    for (const rank of trace) {
      await cache.cache(
        `track:${rank}`,
        () => {
          loads += 1
          return { id: rank, title: 'Night Drive' }
        },
        3600,
      )
    }
    const seen = (REQUESTS - loads) / REQUESTS
    console.log(`  ${String(maxEntries).padStart(6)} entries  ${(seen * 100).toFixed(2)} %`)
    exactly(`hit rate at ${maxEntries} entries, as reported`, cache.stats().hitRate * 100, seen * 100, '%')
    await cache.close()
  }
}

/** Ranks 0 … keys − 1; rank r comes up with a probability proportional to 1 / (r + 1). */
function zipf(keys: number, length: number, random: () => number): number[] {
  const cumulated = new Float64Array(keys)
  let sum = 0
  for (let rank = 0; rank < keys; rank++) cumulated[rank] = sum += 1 / (rank + 1)
  return Array.from({ length }, () => {
    const wanted = random() * sum
    let low = 0
    let high = keys - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((cumulated[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return low
  })
}

/** Uniform in [0, 1), the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
