import { problem } from '@msc/platform/next'
import { isStorable } from '@msc/platform'
import { z } from 'zod'
import { afterForm, route } from '@/lib/route'
import { checkPassword, setPassword } from '@/lib/session/auth'
import { sessions } from '@/lib/session/session'
import { guardPassword } from '@/lib/session/sign-in'

const change = z.strictObject({
  currentPassword: z.string().min(1, 'Enter your current password').max(200),
  newPassword: z
    .string()
    .min(10, 'A password has at least 10 characters')
    .max(200, 'A password has at most 200 characters')
    .refine(isStorable, 'Remove the characters that can not be stored'),
})

/** Changes the password, and ends all other sessions of the account. */
export const POST = route({
  route: '/api/account/password',
  body: change,
  maxBytes: 4096,
  limit: { calls: 60, windowSeconds: 60 },
  idempotency: 'none',
  form: (sent) => afterForm(sent, { page: '/account', done: '/account?changed=password' }),
  async handler({ request, user, body }) {
    const refused = await guardPassword(request, user.email)
    if (refused) return problem(refused)
    if (!(await checkPassword(user.email, body.currentPassword, request.signal))) {
      return problem({
        title: 'The current password is wrong',
        status: 422,
        code: 'CREDENTIALS_WRONG',
        extensions: { issues: [{ path: 'currentPassword', message: 'This is not your password' }] },
      })
    }
    await setPassword(user.id, body.newPassword)
    await sessions().endAll(user.id, { except: user.sessionId, reason: 'password-changed' })
    return Response.json({ changed: true })
  },
})
