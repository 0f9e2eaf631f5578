import { localPath, problem } from '@msc/platform/next'
import { z } from 'zod'
import { afterForm, route } from '@/lib/route'
import { signIn } from '@/lib/session/sign-in'

const credentials = z.strictObject({
  email: z.email('Enter an email address').max(254),
  password: z.string().min(1, 'Enter the password').max(200),
  /** Where a form leads to afterwards. */
  next: z.string().max(2000).optional(),
})

export const POST = route({
  route: '/api/auth/sign-in',
  auth: 'none',
  body: credentials,
  maxBytes: 4096,
  // The guard limits guesses by account and address; this one must not let a neighbour close the door for everybody.
  limit: { calls: 240, windowSeconds: 60 },
  idempotency: 'none',
  form: (sent) => {
    const next = localPath(sent.values['next'])
    return afterForm(sent, { page: `/sign-in?next=${encodeURIComponent(next)}`, done: next })
  },
  async handler({ request, body }) {
    const outcome = await signIn(request, body.email, body.password)
    if ('cookie' in outcome) return Response.json({ signedIn: true }, { headers: { 'set-cookie': outcome.cookie } })
    return problem(outcome.problem)
  },
})
