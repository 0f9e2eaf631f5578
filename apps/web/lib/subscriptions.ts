import type { BillingPort, MailerPort, SubscriptionsPort, UsersPort } from '@msc/jobs/platform'
import { asService, asUser } from './db/database.ts'
import { claimsOf, type User } from './session/session.ts'

export interface Subscription {
  readonly plan: 'solo' | 'label'
  /** Price per month, in cents. */
  readonly amount: number
  readonly paidUntil: Date
  readonly cancelledAt: Date | null
  readonly renewalProblem: string | null
}

export interface Payment {
  readonly id: string
  /** In cents. */
  readonly amount: number
  readonly createdAt: Date
  readonly refundedAt: Date | null
}

export async function subscriptionOf(user: User): Promise<Subscription | undefined> {
  const rows = await asUser(claimsOf(user), (tx) =>
    tx.query<Subscription>(
      `select plan, amount, paid_until as "paidUntil", cancelled_at as "cancelledAt",
         renewal_problem as "renewalProblem" from subscriptions where user_id = $1`,
      [user.id],
    ),
  )
  return rows[0]
}

export function paymentsOf(user: User, limit = 24): Promise<Payment[]> {
  return asUser(claimsOf(user), (tx) =>
    tx.query<Payment>(
      `select id, amount, created_at as "createdAt", refunded_at as "refundedAt"
       from charges where user_id = $1 order by created_at desc limit $2`,
      [user.id, limit],
    ),
  )
}

/** Returns subscriptions that end within a day. */
export function dueSubscriptions(limit = 500): Promise<{ id: string; userId: string }[]> {
  return asService((tx) =>
    tx.query<{ id: string; userId: string }>(
      `select id, user_id as "userId" from subscriptions
       where cancelled_at is null and paid_until < now() + interval '1 day' order by paid_until limit $1`,
      [limit],
    ),
  )
}

export const subscriptions: SubscriptionsPort = {
  async due(subscriptionId, userId) {
    const rows = await asService((tx) =>
      tx.query<{ id: string; userId: string; amount: number; paidUntil: Date; renewsUntil: Date }>(
        `select id, user_id as "userId", amount, paid_until as "paidUntil",
           greatest(paid_until, now()) + interval '1 month' as "renewsUntil"
         from subscriptions
         where id = $1 and user_id = $2 and cancelled_at is null and paid_until < now() + interval '1 day'`,
        [subscriptionId, userId],
      ),
    )
    const [row] = rows
    return row ? { ...row, paidUntil: row.paidUntil.getTime(), renewsUntil: row.renewsUntil.getTime() } : null
  },
  async setPaidUntil(subscriptionId, paidUntil) {
    await asService((tx) => tx.query('select public.set_paid_until($1, $2)', [subscriptionId, new Date(paidUntil)]))
  },
  async renewalFailed(subscriptionId, reason) {
    await asService((tx) => tx.query('select public.renewal_failed($1, $2)', [subscriptionId, reason]))
  },
}

/** The platform's ledger: charges are settled with the artist's earnings. Only the database's functions write to it. */
export const billing: BillingPort = {
  async charge({ userId, amount, reference }, { key }) {
    const rows = await asService((tx) =>
      tx.query<{ id: string; amount: number }>('select id, amount from public.charge($1, $2, $3, $4)', [
        key,
        userId,
        reference,
        amount,
      ]),
    )
    return rows[0] as { id: string; amount: number }
  },
  async refund({ id }) {
    await asService((tx) => tx.query('select public.refund($1)', [id]))
  },
}

export const users: UsersPort = {
  async recipient(userId) {
    const rows = await asService((tx) =>
      tx.query<{ email: string; name: string }>('select email, display_name as name from profiles where id = $1', [
        userId,
      ]),
    )
    return rows[0] ?? null
  },
}

/** Writes mails to the database, where a delivery service picks them up. */
export const mailer: MailerPort = {
  async send({ to, type, data }, { key }) {
    const rows = await asService((tx) =>
      tx.query<{ id: string }>(
        `insert into mails (id, user_id, recipient, type, data)
         select md5($1)::uuid, id, email, $3, $4 from profiles where email = $2
         on conflict (id) do update set recipient = excluded.recipient returning id`,
        [key, to.email, type, data ?? {}],
      ),
    )
    return { messageId: rows[0]?.id ?? '' }
  },
}
