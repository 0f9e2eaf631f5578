import { problem, type ProblemOptions } from '@msc/platform/next'
import { z } from 'zod'
import { asUser, sqlState } from '@/lib/db/database'
import { afterForm, route } from '@/lib/route'
import { claimsOf, forgetSessions } from '@/lib/session/session'

const refusals: Readonly<Record<string, ProblemOptions>> = {
  P0002: { title: 'There is no such account', status: 404, code: 'NOT_FOUND' },
  '42501': {
    title: 'Another admin has to change your role',
    status: 403,
    code: 'FORBIDDEN',
  },
}

/** Changes the role of another account, whose sessions end with it. */
export const POST = route<'required', { role: 'artist' | 'admin' }, { id: string }>({
  route: '/api/accounts/[id]/role',
  role: 'admin',
  body: z.strictObject({ role: z.enum(['artist', 'admin']) }),
  form: (sent) => afterForm(sent, { page: '/admin/accounts', done: '/admin/accounts' }),
  async handler({ user, params, body }) {
    if (!z.uuid().safeParse(params.id).success) return problem(refusals['P0002'] as ProblemOptions)
    try {
      await asUser(claimsOf(user), (tx) => tx.query('select public.set_role($1, $2)', [params.id, body.role]))
    } catch (error) {
      const refusal = refusals[sqlState(error) ?? '']
      if (refusal) return problem(refusal)
      throw error
    }
    await forgetSessions(params.id)
    return Response.json({ role: body.role })
  },
})
