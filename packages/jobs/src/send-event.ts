import { aiTasks, emailTypes, type AITask, type EmailType } from './task-types.ts'

// Whoever only sends pays for nothing else: no engine, no driver and nothing of @msc/core is imported here at once.

export type Sent = Promise<{ ids: string[] }>

/**
 * {@link Jobs.send} on the default engine, which is loaded with the first call and made if there is none. Rejects with a
 * `ConfigError` where the configuration is wrong.
 */
export async function sendEvent(name: string, data: unknown, options?: { readonly id?: string }): Sent {
  const { getDefaultJobs } = await import('./default-jobs.ts')
  return getDefaultJobs().send(name, data, options)
}

/** Sends `ai/process`. @throws ValidationError for a task that is none of {@link aiTasks}. */
export async function triggerAIJob(userId: string, taskType: AITask, payload: unknown): Sent {
  await oneOf('AI task', taskType, aiTasks)
  return sendEvent('ai/process', { userId, taskType, payload })
}
/** Sends `email/send`. @throws ValidationError for a type that is none of {@link emailTypes}. */
export async function triggerEmailJob(userId: string, type: EmailType, data: unknown): Sent {
  await oneOf('email type', type, emailTypes)
  return sendEvent('email/send', { userId, type, data })
}
/** Sends `analytics/aggregate`. */
export function triggerAnalyticsJob(userId: string, period: string): Sent {
  return sendEvent('analytics/aggregate', { userId, period })
}
/** Sends `release/distribute`. */
export function triggerDistributionJob(releaseId: string, platforms: readonly string[]): Sent {
  return sendEvent('release/distribute', { releaseId, platforms })
}
/** Sends `payment/process`. */
export function triggerPaymentJob(userId: string, paymentId: string, amount: number): Sent {
  return sendEvent('payment/process', { userId, paymentId, amount })
}
/** Sends `subscription/renew`. */
export function triggerRenewalJob(userId: string, subscriptionId: string): Sent {
  return sendEvent('subscription/renew', { userId, subscriptionId })
}

async function oneOf(what: string, value: string, known: readonly string[]): Promise<void> {
  if (!known.includes(value)) (await import('./refuse-argument.ts')).refuseArgument(what, value, known)
}
