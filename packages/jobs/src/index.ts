import './operations.ts'
export { createJobs, type JobList, type Jobs, type JobsOptions, type SendOptions } from './create-jobs.ts'
export { MAX_EVENT_BYTES } from './payloads.ts'
export {
  configureJobs,
  createJobsFromEnv,
  getDefaultJobs,
  sendEvent,
  setDefaultJobs,
  triggerAIJob,
  triggerAnalyticsJob,
  triggerDistributionJob,
  triggerEmailJob,
  triggerPaymentJob,
  triggerRenewalJob,
  type Sent,
} from './default-jobs.ts'
export { aiTasks, emailTypes, type AITask, type EmailType } from './task-types.ts'
export type {
  InvokeOptions,
  JobContext,
  JobLog,
  MapOptions,
  StepContext,
  StepOptions,
  StepTools,
  WaitOptions,
} from './context.ts'
export {
  defineEvent,
  defineJob,
  type AnyJob,
  type Batch,
  type CancelOn,
  type Concurrency,
  type CronTrigger,
  type Debounce,
  type EventInput,
  type EventType,
  type JobDefinition,
  type JobEvent,
  type JobOptions,
  type KeyPath,
  type Throttle,
  type Trigger,
} from './define-job.ts'
export type {
  Depth,
  JobHost,
  JobsCapabilities,
  JobsDriver,
  OutgoingEvent,
  RunInfo,
  RunQuery,
  RunStatus,
  StepInfo,
} from './driver.ts'
export { runBreadcrumbs, type RunBreadcrumb } from './run-breadcrumbs.ts'
export { JobTimeoutError, NonRetriableError, RetryAfterError, StepError, type Failure } from './errors.ts'
export type {
  Awaited as AwaitedEvent,
  ClaimedRun,
  Enqueue,
  Gate,
  JobStore,
  NewRun,
  PrunePolicy,
  RunChange,
  RunEnd,
  RunRecord,
  Slot,
  StepRecord,
  WriteResult,
} from './store.ts'
