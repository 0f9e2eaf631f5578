import { trackAPIRequest } from '@msc/analytics'
import { rateLimit } from '@msc/cache'
import { captureException } from '@msc/monitoring'
import { createRoutes } from '@msc/platform/next'
import { sessionToken, verifySession } from './session.ts'

const machinery = new Set(['/api/msc/[...path]', '/api/realtime/token', '/api/health'])

/** Every API route of the app is made by this. */
export const route = createRoutes({
  authenticate: (request) => verifySession(sessionToken(request)),
  rateLimit,
  // The request's unit of work knows the user.
  capture: (error, { route, method }) => captureException(error, { tags: { route, method } }),
  observe({ route, method, status, durationMs, userId }) {
    // Product analytics is about what people do: not about nobody, nor about the page's own machinery.
    if (userId && !machinery.has(route)) void trackAPIRequest(userId, route, method, status, durationMs)
  },
})
