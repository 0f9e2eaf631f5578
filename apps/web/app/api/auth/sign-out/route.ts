import { route } from '@/lib/route'
import { clearedCookie } from '@/lib/session/session'

export const POST = route({
  route: '/api/auth/sign-out',
  auth: 'none',
  handler: () => new Response(null, { status: 204, headers: { 'set-cookie': clearedCookie } }),
})
