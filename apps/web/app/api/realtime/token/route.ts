import { route } from '@/lib/route'
import { REALTIME_TTL, signRealtimeToken } from '@/lib/session/session'

/** Issues a short-lived token for a socket, since scripts can't read the session cookie. */
export const POST = route({
  route: '/api/realtime/token',
  // A token that was kept somewhere would be a secret that was kept somewhere.
  idempotency: 'none',
  handler: async ({ user }) => Response.json({ token: await signRealtimeToken(user), expiresIn: REALTIME_TTL }),
})
