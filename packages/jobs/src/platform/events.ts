import type { StandardSchema } from '@msc/core'
import { z } from 'zod'
import { defineEvent, type EventType } from '../define-job.ts'
import { aiTasks, emailTypes, type AITask, type EmailType } from '../task-types.ts'

// What the `trigger…` functions send. The types are written out, so that who reads them needs no zod.

const id = z.string().min(1).max(128)
const amount = z.number().positive().finite()

export interface AIProcess {
  readonly userId: string
  readonly taskType: AITask
  /** As the task's handler expects it. */
  readonly payload?: unknown
}
export interface EmailSend {
  readonly userId: string
  readonly type: EmailType
  /** What the template needs. */
  readonly data?: unknown
}
export interface AnalyticsAggregate {
  readonly userId: string
  /** Such as `2026-11`, or `daily`: the port's to understand. */
  readonly period: string
}
export interface ReleaseDistribute {
  readonly releaseId: string
  readonly platforms: readonly string[]
}
export interface PaymentProcess {
  readonly userId: string
  readonly paymentId: string
  /** In the unit of the billing port. */
  readonly amount: number
}
export interface SubscriptionRenew {
  readonly userId: string
  readonly subscriptionId: string
}

const aiTask = (tasks: readonly AITask[]) =>
  z.object({ userId: id, taskType: z.enum(tasks), payload: z.unknown().optional() })
export const aiProcess: EventType<AIProcess> = defineEvent('ai/process', aiTask(aiTasks))

/**
 * `ai/process` for these tasks alone, with payloads as their schemas say: anything else is refused when it is sent.
 *
 * @param payloads Of each task, if it has one.
 */
export function aiProcessFor(
  payloads: Readonly<Partial<Record<AITask, StandardSchema | undefined>>>,
): EventType<AIProcess> {
  const base: StandardSchema<unknown, AIProcess> = aiTask(aiTasks.filter((task) => task in payloads))
  const schema: StandardSchema<unknown, AIProcess> = {
    '~standard': {
      version: 1,
      vendor: 'msc',
      async validate(value) {
        const task = await base['~standard'].validate(value)
        if (task.issues) return task
        const payload = await payloads[task.value.taskType]?.['~standard'].validate(task.value.payload)
        if (!payload) return task
        if (!payload.issues) return { value: { ...task.value, payload: payload.value } }
        return { issues: payload.issues.map((issue) => ({ ...issue, path: ['payload', ...(issue.path ?? [])] })) }
      },
    },
  }
  return defineEvent('ai/process', schema)
}
export const emailSend: EventType<EmailSend> = defineEvent(
  'email/send',
  z.object({ userId: id, type: z.enum(emailTypes), data: z.unknown().optional() }),
)
export const analyticsAggregate: EventType<AnalyticsAggregate> = defineEvent(
  'analytics/aggregate',
  z.object({ userId: id, period: z.string().min(1).max(64) }),
)
export const releaseDistribute: EventType<ReleaseDistribute> = defineEvent(
  'release/distribute',
  z.object({
    releaseId: id,
    platforms: z
      .array(id)
      .min(1)
      .max(200)
      .refine((platforms) => new Set(platforms).size === platforms.length, 'A platform is named twice.'),
  }),
)
export const paymentProcess: EventType<PaymentProcess> = defineEvent(
  'payment/process',
  z.object({ userId: id, paymentId: id, amount }),
)
export const subscriptionRenew: EventType<SubscriptionRenew> = defineEvent(
  'subscription/renew',
  z.object({ userId: id, subscriptionId: id }),
)
