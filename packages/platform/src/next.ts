// Route handlers of Next.js are web-standard functions. The only difference is that Next.js passes `params` as a
// promise.
export {
  createRoutes,
  localPath,
  seeOther,
  type DefineRoute,
  type FormSent,
  type RouteHandler,
  type RouteOptions,
  type RoutePorts,
  type RouteUser,
} from './route.ts'
export { problem, problemFrom, type ProblemOptions } from './problem.ts'
export { sessionCookieName, sessionTokenOf, type SessionCookieOptions } from './sessions/session-cookie.ts'
export { clientAddress } from './profile/client-address.ts'
export { idempotentId } from './idempotency/idempotency-key.ts'
export type { IdempotencyMode } from './idempotency/route-idempotency.ts'
