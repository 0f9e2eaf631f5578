import { seeOther } from '@msc/platform/next'
import { sessionTokenOf } from '@msc/platform'
import { profile } from '@/lib/profile'
import { route } from '@/lib/route'
import { sessions } from '@/lib/session/session'

/** Ends the session everywhere, open sockets included, and not only in this browser. */
export const POST = route({
  route: '/api/auth/sign-out',
  auth: 'none',
  // Refused, a form would lead away as if the session had ended.
  limit: false,
  idempotency: 'none',
  form: ({ response }) => seeOther('/sign-in', response),
  async handler({ request }) {
    await sessions().end(sessionTokenOf(request.headers.get('cookie'), profile()), 'sign-out')
    return new Response(null, { status: 204, headers: { 'set-cookie': sessions().clearedCookie } })
  },
})
