import { addBreadcrumb } from '@msc/monitoring'
import { trackWith } from '@/lib/outbox'
import { createRelease, listQuery, listReleases, newRelease } from '@/lib/releases'
import { afterForm, route } from '@/lib/route'

export const GET = route({
  route: '/api/releases',
  async handler({ user, request }) {
    const query = listQuery.parse(Object.fromEntries(new URL(request.url).searchParams))
    return Response.json(await listReleases(user, query))
  },
})

export const POST = route({
  route: '/api/releases',
  body: newRelease,
  // 20,000 characters of lyrics, of up to four bytes each in a form: three times that in percent signs.
  maxBytes: 256 * 1024,
  form: (sent) =>
    afterForm(sent, {
      page: '/releases/new',
      done: (accepted) => `/releases/${(accepted as { release: { id: string } }).release.id}`,
    }),
  async handler({ user, body, idempotencyKey }) {
    const release = await createRelease(user, body, idempotencyKey, (tx, id) =>
      trackWith(tx, user.id, 'release_created', { release_id: id, title: body.title, genre: body.genre }),
    )
    addBreadcrumb('Release created', 'release', { releaseId: release.id })
    return Response.json({ release }, { status: 201, headers: { location: `/api/releases/${release.id}` } })
  },
})
