import { getDefaultCache } from '../default-cache.ts'
import { defaultInstance } from '@msc/core'
import type { Loader } from '../plan.ts'
import { createAICache, type AICache, type AIOptions } from './create-ai-cache.ts'
import type { AIRequest } from './request.ts'

export { createAICache, type AICache, type AICacheOptions, type AIOptions } from './create-ai-cache.ts'
export { aiKey, type AIRequest } from './request.ts'
export type { Source } from './replay.ts'
export { usageOf, type AIStats, type ModelPrice, type TokenUsage } from './usage.ts'

const instance = defaultInstance<AICache>('@msc/cache/ai', () => createAICache({ cache: getDefaultCache() }))

/** The AI cache that `cacheAI` acts on; on the default cache, without prices, unless it is replaced. */
export const getDefaultAICache: () => AICache = instance.get
export const setDefaultAICache: (cache: AICache | undefined) => void = instance.set

/** {@link AICache.cacheAI} on the default cache. */
export function cacheAI<T>(request: AIRequest, ask: Loader<T>, options?: AIOptions<T>): Promise<T> {
  return getDefaultAICache().cacheAI(request, ask, options)
}
