import { processEnv, readEnv } from '@msc/core'
import type { Cache } from '../cache.ts'
import { createCache } from '../create-cache.ts'
import { getDefaultCache } from '../default-cache.ts'
import { memory } from '../drivers/memory.ts'

let whileBuilding: Cache | undefined

/** The default cache; while `next build` runs, which has no business with the store of production, one in memory. */
export function cacheOfNext(): Cache {
  if (readEnv(processEnv(), 'NEXT_PHASE') !== 'phase-production-build') return getDefaultCache()
  return (whileBuilding ??= createCache({ driver: memory() }))
}
