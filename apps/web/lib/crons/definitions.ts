import { trackServerEvent } from '@msc/analytics'
import { defineCron } from '@msc/cron'
import { triggerRenewalJob } from '@msc/jobs'
import { asService } from '../db/database.ts'
import { dueSubscriptions } from '../subscriptions.ts'

/** At midnight: records each artist's totals as one event, for the dashboards. */
const dailyAnalytics = defineCron({ name: 'daily-analytics', schedule: '0 0 * * *' }, async () => {
  const artists = await asService((tx) =>
    tx.query<{ userId: string; releases: number; analysed: number }>(
      `select user_id as "userId", count(*)::int as releases, count(analysis)::int as analysed
       from releases group by user_id`,
    ),
  )
  for (const { userId, releases, analysed } of artists) {
    await trackServerEvent(userId, 'catalogue_counted', { releases, analysed })
  }
  return { artists: artists.length }
})

/** Every six hours: renews subscriptions that end within a day. The job renews each once. */
const subscriptionRenewals = defineCron({ name: 'subscription-renewals', schedule: '0 */6 * * *' }, async () => {
  const due = await dueSubscriptions()
  for (const { id, userId } of due) await triggerRenewalJob(userId, id)
  return { due: due.length }
})

/** Sunday 02:00: deletes notifications that were read and are older than 90 days. */
const cleanupOldData = defineCron({ name: 'cleanup-old-data', schedule: '0 2 * * 0' }, async () => {
  const notifications = await asService((tx) =>
    tx.query(`delete from notifications where read_at < now() - interval '90 days' returning id`),
  )
  return { notifications: notifications.length }
})

/** Monday 01:00: reports to the team how many releases the week brought. */
const generateReports = defineCron({ name: 'generate-reports', schedule: '0 1 * * 1' }, async () => {
  const rows = await asService((tx) =>
    tx.query<{ releases: number; artists: number }>(
      `select count(*)::int as releases, count(distinct user_id)::int as artists
       from releases where created_at > now() - interval '7 days'`,
    ),
  )
  const week = rows[0] ?? { releases: 0, artists: 0 }
  await trackServerEvent('platform', 'weekly_report', week)
  return week
})

export const crons = [dailyAnalytics, subscriptionRenewals, cleanupOldData, generateReports]
