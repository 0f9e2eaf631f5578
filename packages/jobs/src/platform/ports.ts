import type { StandardSchema } from '@msc/core'
import type { AITask, EmailType } from '../task-types.ts'
import type { AIProcess } from './events.ts'

// What an app brings to the platform's jobs. Each call is a step of its own: it may be repeated after a crash, always
// with the same `key`, and what it returns is kept in the history of the run, so it should be small and JSON. A call that
// throws is tried again; throw `NonRetriableError` for what will not change, such as a declined card.

export interface AITaskHandler<Input = unknown, Output = unknown> {
  /** Of the task's payload. Checked when the task is sent. */
  readonly payload?: StandardSchema
  /** What the task works on; `null` when it is gone. */
  load(task: AIProcess): Promise<Input | null> | Input | null
  process(input: Input, options: { readonly key: string; readonly signal: AbortSignal }): Promise<Output> | Output
  /** Keeps the output, where it belongs. `false` when it came too late for that: then nothing is announced. */
  store(input: Input, output: Output, options: { readonly key: string }): Promise<unknown> | unknown
  /** What to tell the user. Default: nothing. */
  announce?(input: Input, output: Output): Notice
}
export type AIPort = { readonly [Task in AITask]?: AITaskHandler }

export interface Notice {
  readonly userId: string
  readonly type: string
  readonly title: string
  readonly body: string
  /** Where to go in the app. */
  readonly link?: string
}
export interface NotifierPort {
  /** The same `key` again notifies nobody. */
  notify(notice: Notice, options: { readonly key: string }): Promise<unknown>
}

export interface Recipient {
  readonly email: string
  readonly name?: string
}
export interface MailerPort {
  send(
    mail: { readonly to: Recipient; readonly type: EmailType; readonly data: unknown },
    options: { readonly key: string; readonly signal: AbortSignal },
  ): Promise<{ readonly messageId: string }>
}
export interface UsersPort {
  /** `null` when the user is gone or wants no such mail. */
  recipient(userId: string, type: EmailType): Promise<Recipient | null>
}

export interface AggregationPort {
  /** The figures of a user for a period. */
  collect(userId: string, period: string): Promise<Readonly<Record<string, number>>>
  /** Replaces what is kept for that user and period. */
  store(userId: string, period: string, figures: Readonly<Record<string, number>>): Promise<unknown>
}

export interface DistributableRelease {
  readonly id: string
  readonly userId: string
  readonly title: string
}
export interface Delivery {
  readonly platform: string
  /** The release's id or address there; absent when it failed. */
  readonly reference?: string
  readonly error?: string
}
export interface ReleasesPort {
  /** `null` when it does not exist or must not be distributed. */
  load(releaseId: string): Promise<DistributableRelease | null>
  markDistributing(releaseId: string): Promise<unknown>
  markDistributed(releaseId: string, deliveries: readonly Delivery[]): Promise<unknown>
  /** After a failure of the whole. */
  markUndistributed(releaseId: string): Promise<unknown>
}
export interface DistributionPort {
  deliver(
    release: DistributableRelease,
    platform: string,
    options: { readonly key: string; readonly signal: AbortSignal },
  ): Promise<{ readonly reference: string }>
}

export interface Charge {
  readonly id: string
  readonly amount: number
}
export interface BillingPort {
  /** The same `key` again returns the first charge. Throws `NonRetriableError` when the payer's bank says no. */
  charge(
    payment: { readonly userId: string; readonly amount: number; readonly reference: string },
    options: { readonly key: string; readonly signal: AbortSignal },
  ): Promise<Charge>
  /** Gives a charge back, whole; once for each `key`. */
  refund(charge: Charge, options: { readonly key: string; readonly signal: AbortSignal }): Promise<unknown>
}
export interface PaymentsPort {
  /** Whether there is such a payment and it has not been made. */
  isOpen(paymentId: string): Promise<boolean>
  markPaid(paymentId: string, charge: Charge): Promise<unknown>
  /** After a rollback, or a charge that was declined. */
  markFailed(paymentId: string, reason: string): Promise<unknown>
}

export interface Subscription {
  readonly id: string
  readonly userId: string
  readonly amount: number
  /** Milliseconds since the epoch. */
  readonly paidUntil: number
  /** Milliseconds since the epoch: until when a renewal pays for it. */
  readonly renewsUntil: number
}
export interface SubscriptionsPort {
  /** `null` when it was cancelled, does not exist, or is not due yet. */
  due(subscriptionId: string, userId: string): Promise<Subscription | null>
  setPaidUntil(subscriptionId: string, paidUntil: number): Promise<unknown>
  /** After the attempts are used up and what was done is undone. */
  renewalFailed(subscriptionId: string, reason: string): Promise<unknown>
}

/** Everything {@link platformJobs} needs; an app's database is commonly most of it. */
export interface PlatformPorts {
  readonly ai: AIPort
  readonly notifier: NotifierPort
  readonly mailer: MailerPort
  readonly users: UsersPort
  readonly analytics: AggregationPort
  readonly releases: ReleasesPort
  readonly distribution: DistributionPort
  readonly billing: BillingPort
  readonly payments: PaymentsPort
  readonly subscriptions: SubscriptionsPort
}
