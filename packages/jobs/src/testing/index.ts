export {
  startInngestServer,
  type InngestBehaviour,
  type InngestServer,
  type InngestServerOptions,
} from './inngest-server.ts'
export type { WireEventIn, WireRun } from './inngest-wire.ts'
export { killAfter } from './kill-after.ts'
export { createScaledClock } from './scaled-clock.ts'
export { createTestJobs, type TestJobs } from './test-jobs.ts'
