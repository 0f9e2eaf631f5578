export { runDeliveryChaos, type ChaosOptions, type ChaosReport } from './chaos.ts'
export { runScript, type ScriptResult } from './chaos-script.ts'
export {
  MOODS,
  OUTAGES,
  createChaosSink,
  type ChaosItem,
  type ChaosSink,
  type ChaosSinkOptions,
  type Mood,
} from './chaos-sink.ts'
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
