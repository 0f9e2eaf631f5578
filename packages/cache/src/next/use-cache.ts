import { cacheOfNext } from './default-cache.ts'
import { createUseCacheHandler, type NextCacheHandler } from './use-cache-handler.ts'

/** `cacheHandlers: { default: require.resolve('@msc/cache/next/use-cache') }`: `use cache` on the default cache. */
const handler: NextCacheHandler = createUseCacheHandler({ cache: cacheOfNext })
export default handler
