import { carrier } from '@msc/core'
import { asService, asUser } from './db/database.ts'
import { claimsOf, type User } from './session/session.ts'

export interface Notification {
  readonly id: string
  readonly type: string
  readonly title: string
  readonly body: string
  readonly link: string | null
  readonly readAt: Date | null
  readonly createdAt: Date
}

export function listNotifications(user: User, limit = 50): Promise<Notification[]> {
  return asUser(claimsOf(user), (tx) =>
    tx.query<Notification>(
      `select id, type, title, body, link, read_at as "readAt", created_at as "createdAt"
       from notifications order by created_at desc limit $1`,
      [limit],
    ),
  )
}

/** A notification as the database's feed sends it, which a browser keeps up to date. */
export interface NotificationRow {
  readonly id: string
  readonly title: string
  readonly body: string
  readonly link: string | null
  readonly read_at: string | null
}

export function notificationRows(user: User, limit = 100): Promise<NotificationRow[]> {
  return asUser(claimsOf(user), (tx) =>
    tx.query<NotificationRow>(
      'select id, title, body, link, read_at from notifications order by created_at desc limit $1',
      [limit],
    ),
  )
}

export async function unreadCount(user: User): Promise<number> {
  const rows = await asUser(claimsOf(user), (tx) =>
    tx.query<{ count: number }>('select count(*)::int as count from notifications where read_at is null'),
  )
  return rows[0]?.count ?? 0
}

export async function markAllRead(user: User): Promise<number> {
  const rows = await asUser(claimsOf(user), (tx) =>
    tx.query('update notifications set read_at = now() where read_at is null returning id'),
  )
  return rows.length
}

/**
 * Writes the row; the database's trigger does the rest. The row's id is derived from `key`, so that a retried job
 * notifies once.
 */
export async function notify(
  userId: string,
  notification: { readonly type: string; readonly title: string; readonly body: string; readonly link?: string },
  key: string,
): Promise<void> {
  const { type, title, body, link = null } = notification
  await asService((tx) =>
    tx.query(
      `insert into notifications (id, user_id, type, title, body, link, traceparent)
       values (md5($1)::uuid, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing`,
      [key, userId, type, title, body, link, carrier().traceparent],
    ),
  )
}
