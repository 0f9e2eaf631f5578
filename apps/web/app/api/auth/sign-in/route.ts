import { problem } from '@msc/platform/next'
import { z } from 'zod'
import { signIn } from '@/lib/session/auth'
import { route } from '@/lib/route'
import { sessionCookie, signToken } from '@/lib/session/session'

const credentials = z.strictObject({ email: z.email().max(254), password: z.string().min(1).max(200) })

export const POST = route({
  route: '/api/auth/sign-in',
  auth: 'none',
  body: credentials,
  maxBytes: 4096,
  limit: { calls: 20, windowSeconds: 60 },
  async handler({ request, body }) {
    const user = await signIn(body.email, body.password)
    if (!user) return problem({ title: 'Email or password is wrong', status: 401, code: 'CREDENTIALS_WRONG' })
    const secure = new URL(request.url).protocol === 'https:'
    return Response.json(
      { user },
      { headers: { 'set-cookie': sessionCookie(await signToken(user, 'session'), secure) } },
    )
  },
})
