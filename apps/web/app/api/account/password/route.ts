import { problem } from '@msc/platform/next'
import { isVisible } from '@msc/platform'
import { z } from 'zod'
import { afterForm, route } from '@/lib/route'
import { text } from '@/lib/forms/schemas'
import { changePassword, checkPassword } from '@/lib/session/auth'
import { forgetSessions } from '@/lib/session/session'
import { guardPassword, passwordWasWrong } from '@/lib/session/sign-in'

const change = z.strictObject({
  currentPassword: z.string().min(1, 'Enter your current password').max(200),
  newPassword: text
    .min(10, 'A password has at least 10 characters')
    .max(200, 'A password has at most 200 characters')
    .refine(isVisible, 'A password is made of more than what nobody can see'),
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
    const refused = await guardPassword(request, user)
    if (refused) return problem(refused)
    const account = await checkPassword(user.email, body.currentPassword, {
      signal: request.signal,
      // Signed in, and limited by the guard: guesses elsewhere must not keep an owner from changing the password.
      preferred: true,
      client: user.id,
    })
    if (!account) {
      await passwordWasWrong(request, user)
      return problem({
        title: 'The current password is wrong',
        status: 422,
        code: 'CREDENTIALS_WRONG',
        extensions: { issues: [{ path: 'currentPassword', message: 'This is not your password' }] },
      })
    }
    if (await changePassword(user, account, body.newPassword)) {
      await forgetSessions(user.id, user.sessionId)
      return Response.json({ changed: true })
    }
    return problem({
      title: 'Your password was changed elsewhere in this moment',
      detail: 'If that was not you, sign in again and change it.',
      status: 409,
      code: 'PASSWORD_CHANGED',
    })
  },
})
