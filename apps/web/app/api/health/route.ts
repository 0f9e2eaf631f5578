import { platform } from '@/lib/platform'
import { route } from '@/lib/route'

/**
 * For a load balancer: answers 200 while every service answers or has a fallback, else 503. Only admins get details.
 */
export const GET = route({
  route: '/api/health',
  auth: 'optional',
  async handler({ user }) {
    const health = await platform().health()
    const body = user?.role === 'admin' ? health : { status: health.status, checkedAt: health.checkedAt }
    return Response.json(body, { status: health.status === 'down' ? 503 : 200 })
  },
})
