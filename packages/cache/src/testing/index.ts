export { chaos, type ChaosDriver, type ChaosOptions } from './chaos.ts'
export { memoryStore, type MemoryStore } from './memory-store.ts'
export { startRedis, type RunningRedis } from './redis-server.ts'
export {
  startUpstashServer,
  type UpstashBehaviour,
  type UpstashServer,
  type UpstashServerOptions,
} from './upstash-server.ts'
