export { testJobsDriver, type JobsDriverSetup } from './conformance.ts'
export {
  startInngestServer,
  type InngestBehaviour,
  type InngestServer,
  type InngestServerOptions,
} from './inngest-server.ts'
export type { WireEventIn, WireRun } from './inngest-executor.ts'
export { testJobStore } from './store-conformance.ts'
