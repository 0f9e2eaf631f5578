import { aiProcessing } from './ai-processing.ts'
import { analyticsAggregator } from './analytics-aggregator.ts'
import { emailSender } from './email-sender.ts'
import { payment } from './payment.ts'
import type { PlatformPorts } from './ports.ts'
import { releaseDistribution } from './release-distribution.ts'
import { subscriptionRenewal } from './subscription-renewal.ts'
import type { JobList } from '../create-jobs.ts'

/**
 * All six, for an app that has all that they need; each is a function of its own too.
 *
 * @throws ConfigError `OPTION_INVALID` for a port that lacks a method; each of the six does.
 */
export function platformJobs(ports: PlatformPorts): JobList {
  return [
    aiProcessing(ports),
    emailSender(ports),
    analyticsAggregator(ports),
    releaseDistribution(ports),
    payment(ports),
    subscriptionRenewal(ports),
  ]
}

export { aiProcessing, analyticsAggregator, emailSender, payment, releaseDistribution, subscriptionRenewal }
export {
  aiProcess,
  analyticsAggregate,
  emailSend,
  paymentProcess,
  releaseDistribute,
  subscriptionRenew,
  type AIProcess,
  type AnalyticsAggregate,
  type EmailSend,
  type PaymentProcess,
  type ReleaseDistribute,
  type SubscriptionRenew,
} from './events.ts'
export type {
  AggregationPort,
  AIPort,
  AITaskHandler,
  BillingPort,
  Charge,
  Delivery,
  DistributableRelease,
  DistributionPort,
  MailerPort,
  Notice,
  NotifierPort,
  PaymentsPort,
  PlatformPorts,
  Recipient,
  ReleasesPort,
  Subscription,
  SubscriptionsPort,
  UsersPort,
} from './ports.ts'
