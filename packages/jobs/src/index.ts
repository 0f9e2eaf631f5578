import './operations.ts'
export type { JobList, Jobs, JobsOptions, SendOptions } from './create-jobs.ts'
export type { JobsFromEnvOptions } from './default-jobs.ts'
export {
  JobTimeoutError,
  MAX_EVENT_BYTES,
  NonRetriableError,
  RetryAfterError,
  StepError,
  configureJobs,
  createJobs,
  createJobsFromEnv,
  getDefaultJobs,
  setDefaultJobs,
} from './engine.ts'
export {
  sendEvent,
  triggerAIJob,
  triggerAnalyticsJob,
  triggerDistributionJob,
  triggerEmailJob,
  triggerPaymentJob,
  triggerRenewalJob,
  type Sent,
  type TriggerOptions,
} from './send-event.ts'
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
  JobsObserver,
  OutgoingEvent,
  RunInfo,
  RunQuery,
  RunStatus,
  StepInfo,
} from './driver.ts'
export { runBreadcrumbs, type RunBreadcrumb } from './run-breadcrumbs.ts'
export type { Failure } from './errors.ts'
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
