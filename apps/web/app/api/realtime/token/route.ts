import { route } from '@/lib/route'
import { REALTIME_TTL, signToken } from '@/lib/session/session'

/** Issues a short-lived token for a socket, since scripts can't read the session cookie. */
export const POST = route({
  route: '/api/realtime/token',
  handler: async ({ user }) =>
    Response.json(
      { token: await signToken(user, 'realtime'), expiresIn: REALTIME_TTL },
      { headers: { 'cache-control': 'no-store' } },
    ),
})
