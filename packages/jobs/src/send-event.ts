import { aiTasks, emailTypes, type AITask, type EmailType } from './task-types.ts'

// Whoever only sends pays for nothing else: no engine, no driver and nothing of @msc/core is imported here at once.

export type Sent = Promise<{ ids: string[] }>

/** Options of the functions below. */
export interface TriggerOptions {
  /** The event's id. The same one twice is one event, so a call can be repeated; `runs({ eventId })` finds its runs by it. */
  readonly id?: string
}

/**
 * {@link Jobs.send} on the default engine, which is loaded with the first call and made if there is none. Rejects with a
 * `ConfigError` where the configuration is wrong.
 */
export async function sendEvent(name: string, data: unknown, options?: TriggerOptions): Sent {
  const { getDefaultJobs } = await import('./default-jobs.ts')
  return getDefaultJobs().send(name, data, options)
}

/** Sends `ai/process`. @throws ValidationError for a task that is none of {@link aiTasks}. */
export async function triggerAIJob(userId: string, taskType: AITask, payload: unknown, options?: TriggerOptions): Sent {
  await oneOf('AI task', taskType, aiTasks)
  return sendEvent('ai/process', { userId, taskType, payload }, options)
}
/** Sends `email/send`. @throws ValidationError for a type that is none of {@link emailTypes}. */
export async function triggerEmailJob(userId: string, type: EmailType, data: unknown, options?: TriggerOptions): Sent {
  await oneOf('email type', type, emailTypes)
  return sendEvent('email/send', { userId, type, data }, options)
}
/** Sends `analytics/aggregate`. */
export function triggerAnalyticsJob(userId: string, period: string, options?: TriggerOptions): Sent {
  return sendEvent('analytics/aggregate', { userId, period }, options)
}
/** Sends `release/distribute`. */
export function triggerDistributionJob(
  releaseId: string,
  platforms: readonly string[],
  options?: TriggerOptions,
): Sent {
  return sendEvent('release/distribute', { releaseId, platforms }, options)
}
/** Sends `payment/process`. */
export function triggerPaymentJob(userId: string, paymentId: string, amount: number, options?: TriggerOptions): Sent {
  return sendEvent('payment/process', { userId, paymentId, amount }, options)
}
/** Sends `subscription/renew`. */
export function triggerRenewalJob(userId: string, subscriptionId: string, options?: TriggerOptions): Sent {
  return sendEvent('subscription/renew', { userId, subscriptionId }, options)
}

async function oneOf(what: string, value: string, known: readonly string[]): Promise<void> {
  if (!known.includes(value)) (await import('./refuse-argument.ts')).refuseArgument(what, value, known)
}
