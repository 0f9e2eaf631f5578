import { trackServerEvent } from '@msc/analytics'
import { triggerAIJob } from '@msc/jobs'
import { addBreadcrumb } from '@msc/monitoring'
import { catalogueHasChanged } from '@/lib/catalogue'
import { createRelease, listReleases, newRelease } from '@/lib/releases'
import { route } from '@/lib/route'

export const GET = route({
  route: '/api/releases',
  handler: async ({ user }) => Response.json({ releases: await listReleases(user) }),
})

export const POST = route({
  route: '/api/releases',
  body: newRelease,
  async handler({ user, body }) {
    const release = await createRelease(user, body)
    catalogueHasChanged()
    addBreadcrumb('Release created', 'release', { releaseId: release.id })
    await trackServerEvent(user.id, 'release_created', {
      release_id: release.id,
      title: release.title,
      genre: release.genre,
    })
    if (release.lyrics) await triggerAIJob(user.id, 'analyze-lyrics', { releaseId: release.id })
    return Response.json({ release }, { status: 201, headers: { location: `/api/releases/${release.id}` } })
  },
})
