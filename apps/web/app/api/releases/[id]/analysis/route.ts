import { problem } from '@msc/platform/next'
import { z } from 'zod'
import { analysisState } from '@/lib/analysis-state'
import { analyseAgain, getRelease } from '@/lib/releases'
import { afterForm, route } from '@/lib/route'

/** The state of a release's analysis, as the job engine knows it. */
export const GET = route<'required', undefined, { id: string }>({
  route: '/api/releases/[id]/analysis',
  async handler({ user, params }) {
    const release = await getRelease(user, params.id)
    if (!release) return problem({ title: 'There is no such release', status: 404, code: 'NOT_FOUND' })
    return Response.json({ analysis: await analysisState(release) })
  },
})

/** Asks for the analysis again, when it has failed or was lost. */
export const POST = route<'required', Record<string, never>, { id: string }>({
  route: '/api/releases/[id]/analysis',
  body: z.strictObject({}),
  limit: { calls: 10, windowSeconds: 60 },
  form: (sent) => {
    const page = new URL(sent.request.url).pathname.replace(/^\/api(.*)\/analysis$/, '$1')
    return afterForm(sent, { page, done: page })
  },
  async handler({ user, params }) {
    const release = await getRelease(user, params.id)
    if (!release) return problem({ title: 'There is no such release', status: 404, code: 'NOT_FOUND' })
    const { state } = await analysisState(release)
    if (state !== 'failed' && state !== 'lost') {
      return problem({
        title: 'There is nothing to try again',
        detail: `The analysis is ${state}.`,
        status: 409,
        code: 'ANALYSIS_NOT_FAILED',
      })
    }
    const hasAsked = await analyseAgain(user, release)
    if (!hasAsked) {
      return problem({
        title: 'Somebody has tried again already',
        detail: 'The analysis is queued.',
        status: 409,
        code: 'ANALYSIS_NOT_FAILED',
      })
    }
    return Response.json({ analysis: { state: 'queued' } }, { status: 202 })
  },
})
