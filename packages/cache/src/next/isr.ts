import { cacheOfNext } from './default-cache.ts'
import { createIsrCacheHandler, type IsrCacheHandler, type IsrContext } from './isr-cache-handler.ts'

/** `cacheHandler: require.resolve('@msc/cache/next/isr')`: the incremental cache on the default cache. */
const Handler: new (context: IsrContext) => IsrCacheHandler = createIsrCacheHandler(cacheOfNext)
export default Handler
