import { cronHandler } from '@msc/cron'
import { route } from '@/lib/route'

/** Vercel Cron calls this with CRON_SECRET; so may a person, to run one by hand. */
export const GET = route<'none', undefined, { name: string }>({
  route: '/api/cron/[name]',
  auth: 'none',
  handler: ({ request, params }) => cronHandler(request, params.name),
})
