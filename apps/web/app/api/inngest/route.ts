import { getDefaultJobs } from '@msc/jobs'
import { route } from '@/lib/route'

/** Inngest calls this, signed with the signing key; without Inngest there is nothing here. */
const handler = route({
  route: '/api/inngest',
  auth: 'none',
  limit: false,
  handler: ({ request }) => getDefaultJobs().handler(request),
})

export { handler as GET, handler as POST, handler as PUT }
