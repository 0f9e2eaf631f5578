import { problem, type ProblemOptions } from '@msc/platform/next'
import { isVisible } from '@msc/platform'
import { z } from 'zod'
import { catalogueHasChanged } from '@/lib/catalogue'
import { sqlState } from '@/lib/db/database'
import { moveRelease, type Release } from '@/lib/releases'
import { afterForm, route } from '@/lib/route'
import { text, wholeNumber } from '@/lib/forms/schemas'

const move = z.strictObject({
  to: z.enum(['draft', 'submitted', 'live']),
  // A reason that nobody can see is none.
  note: text
    .trim()
    .max(2000, 'A reason has at most 2,000 characters')
    .optional()
    .transform((note) => (note !== undefined && isVisible(note) ? note : undefined)),
  /** The one that an admin has read, to publish it. */
  version: wholeNumber.pipe(z.int().min(1).max(2_147_483_647)).optional(),
})

const refusals: Readonly<Record<string, ProblemOptions>> = {
  P0002: { title: 'There is no such release', status: 404, code: 'NOT_FOUND' },
  '42501': { title: 'Your account may not do this', status: 403, code: 'FORBIDDEN' },
  MT409: {
    title: 'The release has changed meanwhile',
    detail: 'Read it again before you decide.',
    status: 409,
    code: 'RELEASE_MOVED',
  },
  '23514': {
    title: 'Say why you send it back',
    status: 422,
    code: 'NOTE_MISSING',
    extensions: { issues: [{ path: 'note', message: 'Say why, for the artist to read' }] },
  },
}

/** Submits, withdraws, publishes, sends back or takes down a release. */
export const POST = route<'required', z.output<typeof move>, { id: string }>({
  route: '/api/releases/[id]/status',
  body: move,
  form: (sent) => {
    const page = pageOf(sent.request)
    return afterForm(sent, { page, done: page })
  },
  async handler({ user, params, body }) {
    if (!z.uuid().safeParse(params.id).success) return problem(refusals['P0002'] as ProblemOptions)
    let release: Release
    try {
      release = await moveRelease(user, params.id, body)
    } catch (error) {
      const refusal = refusals[sqlState(error) ?? '']
      if (refusal) return problem(refusal)
      throw error
    }
    catalogueHasChanged()
    return Response.json({ release })
  },
})

/** The page of the release that the address of the request names. */
function pageOf(request: Request): string {
  return new URL(request.url).pathname.replace(/^\/api(.*)\/status$/, '$1')
}
