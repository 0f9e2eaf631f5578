import { benchRedis } from './cache-redis.ts'
await benchRedis()
