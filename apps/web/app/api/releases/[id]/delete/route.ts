import { problem } from '@msc/platform/next'
import { z } from 'zod'
import { deleteDraft } from '@/lib/releases'
import { afterForm, route } from '@/lib/route'

/** Deletes a draft. What is submitted or live stays. A POST, since a form without scripts sends nothing else. */
export const POST = route<'required', Record<string, never>, { id: string }>({
  route: '/api/releases/[id]/delete',
  body: z.strictObject({}),
  form: (sent) => afterForm(sent, { page: '/releases', done: '/releases' }),
  async handler({ user, params }) {
    const deleted = z.uuid().safeParse(params.id).success && (await deleteDraft(user, params.id))
    if (!deleted) return problem({ title: 'There is no such draft', status: 404, code: 'NOT_FOUND' })
    return new Response(null, { status: 204 })
  },
})
