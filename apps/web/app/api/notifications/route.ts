import { notificationRows } from '@/lib/notifications'
import { route } from '@/lib/route'

export const GET = route({
  route: '/api/notifications',
  handler: async ({ user }) => Response.json({ notifications: await notificationRows(user) }),
})
