import { defineJob, type JobDefinition } from '../define-job.ts'
import { subscriptionRenew, type SubscriptionRenew } from './events.ts'
import { refund } from './refund.ts'
import { assertPorts } from './assert-ports.ts'
import type { PlatformPorts } from './ports.ts'

/**
 * `subscription/renew`: charge, extend, receipt. When one of them fails for good, those before it are undone, the last
 * first: the period is what it was and the money is given back. Triggered again within a day it does nothing, so a cron
 * may trigger it as often as it likes; to try again sooner what has failed, replay the run.
 */
export function subscriptionRenewal({
  billing,
  subscriptions,
}: Pick<PlatformPorts, 'billing' | 'subscriptions'>): JobDefinition<SubscriptionRenew> {
  assertPorts({ billing, subscriptions })
  return defineJob(
    {
      id: 'subscription-renewal',
      triggers: [subscriptionRenew],
      attempts: 5,
      timeout: '12h',
      // A second run would find nothing due once the first has extended the period; but until then it would charge.
      idempotencyKey: 'data.subscriptionId',
      onFailure: ({ error, event }) => subscriptions.renewalFailed(event.data.subscriptionId, error.message),
    },
    async ({ event, step, runId }) => {
      const { userId, subscriptionId } = event.data
      const due = await step.run('load', () => subscriptions.due(subscriptionId, userId))
      if (!due) return { renewed: false }
      const charge = await step.run(
        'charge',
        ({ signal }) =>
          billing.charge({ userId, amount: due.amount, reference: subscriptionId }, { key: `${runId}:charge`, signal }),
        {
          timeout: '30s',
          rollback: (made) => refund(billing, made),
        },
      )
      await step.run('extend', () => subscriptions.setPaidUntil(subscriptionId, due.renewsUntil), {
        rollback: () => subscriptions.setPaidUntil(subscriptionId, due.paidUntil),
      })
      await step.sendEvent('receipt', {
        name: 'email/send',
        data: { userId, type: 'invoice', data: { subscriptionId, amount: due.amount, paidUntil: due.renewsUntil } },
        id: `${runId}:receipt`,
      })
      return { renewed: true, chargeId: charge.id, paidUntil: due.renewsUntil }
    },
  )
}
