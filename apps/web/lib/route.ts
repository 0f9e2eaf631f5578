import { trackAPIRequest } from '@msc/analytics'
import { getDefaultCache, rateLimit } from '@msc/cache'
import { processSlot } from '@msc/core'
import { captureException } from '@msc/monitoring'
import {
  createFormMemory,
  createIdempotency,
  getDefaultDatabase,
  type FormMemory,
  type Idempotency,
} from '@msc/platform'
import { createRoutes, seeOther, type FormSent } from '@msc/platform/next'
import { profile } from './profile.ts'
import { userOf, type User } from './session/session.ts'

const machinery = new Set(['/api/msc/[...path]', '/api/realtime/token', '/api/health'])

function idempotency(): Idempotency {
  return processSlot('web/idempotency', () => createIdempotency({ database: getDefaultDatabase() }))
}

/** Makes every API route of the app. */
export const route = createRoutes({
  authenticate: (request) => userOf(request.headers.get('cookie')),
  rateLimit,
  clientAddress: profile().clientAddress,
  // Made with the first request: a build evaluates this file too.
  idempotency: { run: (request, work) => idempotency().run(request, work) },
  // The request's unit of work has the user.
  capture: (error, { route, method }) => captureException(error, { tags: { route, method } }),
  observe({ route, method, status, durationMs, userId }) {
    // Product analytics describes what people do, so calls without a user and calls of the page itself are left out.
    if (userId && !machinery.has(route)) void trackAPIRequest(userId, route, method, status, durationMs)
  },
})

/** What was typed into forms that were refused. */
export function forms(): FormMemory {
  return createFormMemory(getDefaultCache())
}

/**
 * Answers a form: leads to `done` when it was accepted, and otherwise back to `page` with what was typed and why it was refused.
 * Whoever has to sign in first comes back from there.
 */
export async function afterForm(
  sent: FormSent<User>,
  { page, done }: { readonly page: string; readonly done: string | ((accepted: unknown) => string) },
): Promise<Response> {
  const { response } = sent
  if (response.ok) {
    const accepted: unknown = typeof done === 'string' ? undefined : await response.clone().json()
    return seeOther(typeof done === 'string' ? done : done(accepted), response)
  }
  const [path = '/', query = ''] = page.split('?')
  if (response.status === 401 && !sent.user && path !== '/sign-in') {
    return seeOther(`/sign-in?next=${encodeURIComponent(page)}`, response)
  }
  const id = await forms().keep(sent)
  const search = new URLSearchParams(query)
  search.set('form', id ?? 'lost')
  return seeOther(`${path}?${search.toString()}`, response)
}
