import { trackAPIRequest } from '@msc/analytics'
import { rateLimit } from '@msc/cache'
import { captureException } from '@msc/monitoring'
import { createRoutes } from '@msc/platform/next'
import { sessionToken, verifySession } from './session/session.ts'

const machinery = new Set(['/api/msc/[...path]', '/api/realtime/token', '/api/health'])

/** Makes every API route of the app. */
export const route = createRoutes({
  authenticate: (request) => verifySession(sessionToken(request)),
  rateLimit,
  // The request's unit of work has the user.
  capture: (error, { route, method }) => captureException(error, { tags: { route, method } }),
  observe({ route, method, status, durationMs, userId }) {
    // Product analytics describes what people do, so calls without a user and calls of the page itself are left out.
    if (userId && !machinery.has(route)) void trackAPIRequest(userId, route, method, status, durationMs)
  },
})
