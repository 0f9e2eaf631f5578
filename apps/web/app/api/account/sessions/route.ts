import { z } from 'zod'
import { afterForm, route } from '@/lib/route'
import { sessions } from '@/lib/session/session'

/** Ends all sessions of the account but this one. */
export const POST = route({
  route: '/api/account/sessions',
  body: z.strictObject({}),
  form: (sent) => afterForm(sent, { page: '/account', done: '/account?changed=sessions' }),
  handler: async ({ user }) =>
    Response.json({ ended: await sessions().endAll(user.id, { except: user.sessionId, reason: 'ended-by-user' }) }),
})
