export { createIsrCacheHandler, type IsrCacheHandler, type IsrContext, type IsrValue } from './isr-cache-handler.ts'
export {
  createUseCacheHandler,
  type NextCacheEntry,
  type NextCacheHandler,
  type UseCacheHandlerOptions,
} from './use-cache-handler.ts'
