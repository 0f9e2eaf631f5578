import { problem } from '@msc/platform/next'
import { getRelease } from '@/lib/releases'
import { route } from '@/lib/route'

export const GET = route<'required', undefined, { id: string }>({
  route: '/api/releases/[id]',
  async handler({ user, params }) {
    const release = await getRelease(user, params.id)
    return release ? Response.json({ release }) : problem({ title: 'There is no such release', status: 404 })
  },
})
