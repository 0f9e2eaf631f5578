export { runDeliveryChaos, type ChaosOptions, type ChaosReport } from './chaos.ts'
export { runScript, type ScriptResult } from './chaos-script.ts'
export type { ChaosItem } from './chaos-item.ts'
export { createChaosSink, type ChaosSink, type ChaosSinkOptions } from './chaos-sink.ts'
export { MOODS, OUTAGES, type Mood } from './moods.ts'
export { createRandom, type Random } from './random.ts'
export { createVirtualTime, type VirtualTime } from './virtual-time.ts'
export { createChaosBackend, type BackendMood, type ChaosBackend, type ChaosBackendOptions } from './chaos-backend.ts'
export {
  runEngineChaos,
  type ChaosEngine,
  type ChaosSetUp,
  type EngineChaosOptions,
  type EngineChaosReport,
} from './engine-chaos.ts'
