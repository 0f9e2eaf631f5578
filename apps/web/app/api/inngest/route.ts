import { getDefaultJobs } from '@msc/jobs'
import { route } from '@/lib/route'

/** Inngest calls this route and signs with the signing key. Without Inngest it answers 404. */
const handler = route({
  route: '/api/inngest',
  auth: 'none',
  limit: false,
  handler: ({ request }) => getDefaultJobs().handler(request),
})

export { handler as GET, handler as POST, handler as PUT }
