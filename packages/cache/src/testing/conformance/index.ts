export { testCacheDriver, type CacheDriverSetup } from './cache-driver.ts'
