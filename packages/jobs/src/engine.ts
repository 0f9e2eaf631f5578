import type { Env } from '@msc/core'
import * as creating from './create-jobs.ts'
import * as defaults from './default-jobs.ts'
import * as errors from './errors.ts'
import * as limits from './limits.ts'

// What the package's root offers of the code that `sendEvent` loads late. Bundlers that split by file take a file into the
// first chunk when the root names it and something else loads it late; of this one they know that it is not needed.

/** Bytes of one event's data as JSON. */
export const MAX_EVENT_BYTES: number = limits.MAX_EVENT_BYTES

/** @throws ConfigError for a driver that does not keep the contract, and for two jobs of one id. */
export const createJobs: (options: creating.JobsOptions) => creating.Jobs = creating.createJobs

/**
 * Inngest when INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY are set; else the embedded engine: on the Postgres that
 * DATABASE_URL names, else on the SQLite file that MSC_JOBS_SQLITE names, else in memory.
 *
 * @throws ConfigError when half set, or embedded in production without `MSC_ALLOW_EMBEDDED`.
 */
export const createJobsFromEnv: (options: defaults.JobsFromEnvOptions, env?: Env) => creating.Jobs =
  defaults.createJobsFromEnv

/**
 * The engine that the functions of this package act on; until `configureJobs`, one without jobs, made from the environment.
 *
 * @throws ConfigError as {@link createJobsFromEnv}.
 */
export const getDefaultJobs: () => creating.Jobs = defaults.getDefaultJobs

/** Replaces it; the old one is the caller's to close. */
export const setDefaultJobs: (jobs: creating.Jobs | undefined) => void = defaults.setDefaultJobs

/**
 * Makes the default engine from definitions and the environment, puts it in the place of the one before, and returns it. It
 * is not started yet. One that this function or the first call had made is closed in the background, once its steps that
 * run have ended; one that was given to {@link setDefaultJobs} stays its giver's to close.
 *
 * @throws ConfigError as {@link createJobsFromEnv}; the one before stays then.
 */
export const configureJobs: (options: defaults.JobsFromEnvOptions, env?: Env) => creating.Jobs = defaults.configureJobs

/** Trying again would change nothing: the run fails at once, and what it did is rolled back. */
export const NonRetriableError: typeof errors.NonRetriableError = errors.NonRetriableError
export type NonRetriableError = errors.NonRetriableError

/** Try again, but not before `retryAfterMs` from now. */
export const RetryAfterError: typeof errors.RetryAfterError = errors.RetryAfterError
export type RetryAfterError = errors.RetryAfterError

/** The run has taken longer than its `timeout`. It fails for good, and what it did is rolled back. */
export const JobTimeoutError: typeof errors.JobTimeoutError = errors.JobTimeoutError
export type JobTimeoutError = errors.JobTimeoutError

/** What a handler sees of a step whose attempts are used up. Not retried again if it escapes the handler. */
export const StepError: typeof errors.StepError = errors.StepError
export type StepError = errors.StepError
