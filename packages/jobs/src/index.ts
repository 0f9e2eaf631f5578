export { createJobs, MAX_EVENT_BYTES, type JobList, type Jobs, type JobsOptions } from './create-jobs.ts'
export {
  aiTasks,
  configureJobs,
  createJobsFromEnv,
  emailTypes,
  getDefaultJobs,
  sendEvent,
  setDefaultJobs,
  triggerAIJob,
  triggerAnalyticsJob,
  triggerDistributionJob,
  triggerEmailJob,
  triggerPaymentJob,
  triggerRenewalJob,
  type AITask,
  type EmailType,
  type Sent,
} from './default-jobs.ts'
export {
  defineJob,
  type AnyJob,
  type EventInput,
  type JobContext,
  type JobDefinition,
  type JobEvent,
  type JobOptions,
  type StepOptions,
  type StepTools,
} from './define-job.ts'
export type {
  JobHost,
  JobsCapabilities,
  JobsDriver,
  OutgoingEvent,
  RunInfo,
  RunQuery,
  RunStatus,
  StepInfo,
} from './driver.ts'
export { NonRetriableError, RetryAfterError, StepError, type Failure } from './errors.ts'
export type { ClaimedRun, JobStore, NewRun, RunEnd, RunRecord, StepRecord } from './store.ts'
