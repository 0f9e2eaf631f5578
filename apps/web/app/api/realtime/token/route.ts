import { route } from '@/lib/route'
import { REALTIME_TTL, signToken } from '@/lib/session'

/** The session cookie is out of a script's reach, so a socket gets a short-lived token of its own. */
export const POST = route({
  route: '/api/realtime/token',
  handler: async ({ user }) =>
    Response.json(
      { token: await signToken(user, 'realtime'), expiresIn: REALTIME_TTL },
      { headers: { 'cache-control': 'no-store' } },
    ),
})
