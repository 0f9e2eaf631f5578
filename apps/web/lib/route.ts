import { trackAPIRequest } from '@msc/analytics'
import { rateLimit } from '@msc/cache'
import { captureException } from '@msc/monitoring'
import { createRoutes } from '@msc/platform/next'
import { sessionToken, verifySession } from './session.ts'

/** Every API route of the app is made by this. */
export const route = createRoutes({
  authenticate: (request) => verifySession(sessionToken(request)),
  rateLimit,
  capture(error, { route, method, userId }) {
    captureException(error, { tags: { route, method }, ...(userId !== undefined && { extra: { userId } }) })
  },
  observe({ route, method, status, durationMs, userId }) {
    // Anonymous requests are the request log's business; product analytics is about people.
    if (userId) void trackAPIRequest(userId, route, method, status, durationMs)
  },
})
