import { getJournal } from '@msc/core'
import { createIngest } from '@msc/devtools/ingest'
import { route } from '@/lib/route'
import { sessionToken, verifySession } from '@/lib/session'

const ingest = createIngest({
  journal: getJournal,
  basePath: '/api/msc',
  maxBytes: 256 * 1024,
  userOf: async (request) => (await verifySession(sessionToken(request)))?.id,
})

/** What the browser reports while no vendor is configured. */
export const POST = route({
  route: '/api/msc/[...path]',
  auth: 'optional',
  limit: { calls: 240, windowSeconds: 60 },
  handler: ({ request }) => ingest(request),
})
