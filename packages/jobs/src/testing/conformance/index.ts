export { testJobsDriver } from './jobs-driver.ts'
export { testJobStore } from './job-store.ts'
export type { JobsDriverSetup } from '../harness.ts'
