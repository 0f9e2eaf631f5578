import type { Metadata } from 'next'
import { requireUser } from '@/lib/session/auth'
import { paymentsOf, subscriptionOf, type Subscription } from '@/lib/subscriptions'

export const metadata: Metadata = { title: 'Subscription' }

const PLANS = { solo: 'Solo', label: 'Label' } as const
const money = new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'EUR' })
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })

export default async function SubscriptionPage() {
  const user = await requireUser()
  const [subscription, payments] = await Promise.all([subscriptionOf(user), paymentsOf(user)])
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Subscription</h1>
      {subscription ? (
        <Plan subscription={subscription} />
      ) : (
        <p className="card quiet mt-6 p-10 text-center text-sm">This account has no subscription.</p>
      )}
      {subscription && (
        <section aria-labelledby="payments" className="mt-8">
          <h2 id="payments" className="mb-3 font-medium">
            Payments
          </h2>
          {payments.length > 0 ? (
            <ol className="card divide-y divide-stone-200 dark:divide-stone-800" data-testid="payments">
              {payments.map(({ id, amount, createdAt, refundedAt }) => (
                <li key={id} className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1 p-4 text-sm">
                  <span>{day.format(createdAt)}</span>
                  {refundedAt && <span className="quiet">refunded {day.format(refundedAt)}</span>}
                  <span className={`ml-auto tabular-nums ${refundedAt ? 'quiet line-through' : 'font-medium'}`}>
                    {money.format(amount / 100)}
                  </span>
                </li>
              ))}
            </ol>
          ) : (
            <p className="card quiet p-5 text-sm">No payments yet. The first will show up here when the plan renews.</p>
          )}
        </section>
      )}
    </>
  )
}

function Plan({ subscription }: { subscription: Subscription }) {
  const { plan, amount, paidUntil, cancelledAt, renewalProblem } = subscription
  return (
    <section aria-label="Plan" className="card mt-6 p-5">
      <dl className="grid gap-6 sm:grid-cols-3">
        <div>
          <dt className="quiet text-sm">Plan</dt>
          <dd className="mt-1 text-xl font-semibold">{PLANS[plan]}</dd>
        </div>
        <div>
          <dt className="quiet text-sm">Price</dt>
          <dd className="mt-1 text-xl font-semibold tabular-nums">{money.format(amount / 100)} a month</dd>
        </div>
        <div>
          <dt className="quiet text-sm">{cancelledAt ? 'Ends on' : 'Paid until'}</dt>
          <dd className="mt-1 text-xl font-semibold" data-testid="paid-until">
            {day.format(paidUntil)}
          </dd>
        </div>
      </dl>
      {renewalProblem && (
        <p role="alert" className="mt-5 text-sm text-red-700 dark:text-red-400">
          The last renewal failed, and nothing was charged: {renewalProblem}
        </p>
      )}
      {!renewalProblem && !cancelledAt && <p className="quiet mt-5 text-sm">Renews by itself, a day before it ends.</p>}
    </section>
  )
}
