import { defineJob, type JobDefinition } from '../define-job.ts'
import { paymentProcess, type PaymentProcess } from './events.ts'
import { assertPorts } from './assert-ports.ts'
import type { PlatformPorts } from './ports.ts'
import { refund } from './refund.ts'

/**
 * `payment/process`: charge, record, receipt. When it can not be recorded, the charge is given back. Triggered again
 * within a day it does nothing; to try again what has failed, replay the run.
 */
export function payment({
  billing,
  payments,
}: Pick<PlatformPorts, 'billing' | 'payments'>): JobDefinition<PaymentProcess> {
  assertPorts({ billing, payments })
  return defineJob(
    {
      id: 'payment',
      triggers: [paymentProcess],
      attempts: 5,
      timeout: '12h',
      idempotencyKey: 'data.paymentId',
      concurrency: { key: 'data.userId', limit: 1 },
      onFailure: ({ error, event }) => payments.markFailed(event.data.paymentId, error.message),
    },
    async ({ event, step, runId }) => {
      const { userId, paymentId, amount } = event.data
      if (!(await step.run('load', () => payments.isOpen(paymentId)))) return { paid: false }
      const charge = await step.run(
        'charge',
        ({ signal }) => billing.charge({ userId, amount, reference: paymentId }, { key: `${runId}:charge`, signal }),
        {
          timeout: '30s',
          rollback: (made) => refund(billing, made),
        },
      )
      await step.run('record', () => payments.markPaid(paymentId, charge))
      await step.sendEvent('receipt', {
        name: 'email/send',
        data: { userId, type: 'payment-received', data: { paymentId, amount } },
        id: `${runId}:receipt`,
      })
      return { paid: true, chargeId: charge.id }
    },
  )
}
