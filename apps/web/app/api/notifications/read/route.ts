import { z } from 'zod'
import { markAllRead } from '@/lib/notifications'
import { route } from '@/lib/route'

export const POST = route({
  route: '/api/notifications/read',
  body: z.strictObject({}),
  handler: async ({ user }) => Response.json({ marked: await markAllRead(user) }),
})
