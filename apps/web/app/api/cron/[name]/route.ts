import { cronHandler } from '@msc/cron'
import { route } from '@/lib/route'

/** Vercel Cron calls this route with CRON_SECRET. A person may do so too, to run a job by hand. */
export const GET = route<'none', undefined, { name: string }>({
  route: '/api/cron/[name]',
  auth: 'none',
  handler: ({ request, params }) => cronHandler(request, params.name),
})
