import {
  ConfigError,
  assertMethods,
  assertNumbers,
  isValidationError,
  currentContext,
  currentScope,
  newTrace,
  parseTraceparent,
  reportFailure,
  runReported,
  startOperation,
  withContext,
  withUnit,
  type StandardSchema,
} from '@msc/core'
import { rateLimitHeaders, rateLimitResponse, type RateLimitResult } from '@msc/cache'
import { problem, type ProblemOptions } from '@msc/core/http-request'
import { problemFrom } from './problem.ts'
import { readJson } from './read-body.ts'

export interface RouteUser {
  readonly id: string
  readonly role?: string
}

/** What the wrapper needs of the application. Each failure in a port but `authenticate` is survived. */
export interface RoutePorts<User extends RouteUser> {
  /** The user who sent the request, or `undefined` for nobody. */
  authenticate(request: Request): Promise<User | undefined>
  rateLimit(id: string, limit: number, windowSeconds: number): Promise<RateLimitResult>
  /**
   * Told of every error that no one expected. It runs in the request's unit of work, whose scope knows the user.
   */
  capture(error: unknown, context: { readonly route: string; readonly method: string; readonly userId?: string }): void
  /**
   * How many proxies of ours a request passes, each of which appends to `X-Forwarded-For`; callers without an account are
   * told apart by what the outermost of them saw. Default 1, also for a platform that replaces the header; with 0 nobody
   * can be told apart, and they share one limit.
   */
  readonly proxies?: number
  /** Told of every request that has been answered. */
  observe?(request: {
    readonly route: string
    readonly method: string
    readonly status: number
    readonly durationMs: number
    readonly userId: string | undefined
  }): void
}

interface RouteContext<User, Body, Params> {
  readonly request: Request
  readonly user: User
  readonly body: Body
  readonly params: Params
}

export interface RouteOptions<User, Auth extends 'required' | 'optional' | 'none', Body, Params> {
  /** The route's pattern, for example `/api/releases/[id]`: names it in telemetry and rate limits. */
  readonly route: string
  /** Default `required`: 401 for nobody. */
  readonly auth?: Auth
  /** 403 for users of another role. */
  readonly role?: string
  /** Without one the body is not read and `body` is `undefined`. */
  readonly body?: StandardSchema<unknown, Body>
  /** Bytes. Default 64 KiB. */
  readonly maxBytes?: number
  /** Per user, else per address. Default 100 per 60 seconds; `false` for none. */
  readonly limit?: { readonly calls: number; readonly windowSeconds: number } | false
  readonly handler: (
    context: RouteContext<Auth extends 'required' | undefined ? User : User | undefined, Body, Params>,
  ) => Promise<Response> | Response
}

export type RouteHandler = (request: Request, context: { readonly params: Promise<unknown> }) => Promise<Response>

export type DefineRoute<User extends RouteUser> = <
  Auth extends 'required' | 'optional' | 'none' = 'required',
  Body = undefined,
  Params = Record<string, never>,
>(
  options: RouteOptions<User, Auth, Body, Params>,
) => RouteHandler

/**
 * A `route()` that wraps a handler with all that every API endpoint needs: trace, authentication, same-origin check,
 * rate limit, body limits and validation, problem documents, error capture and request telemetry.
 *
 * @throws ConfigError `OPTION_INVALID` for a number of `proxies` that is none, and for ports that are no functions; the
 *   function that it returns, for bounds that are no numbers.
 */
export function createRoutes<User extends RouteUser>(ports: RoutePorts<User>): DefineRoute<User> {
  assertMethods('platform', 'ports', ports, ['authenticate', 'rateLimit', 'capture'], ['observe'])
  const { proxies = 1 } = ports
  if (!Number.isInteger(proxies) || proxies < 0) {
    throw new ConfigError(`[msc/platform] \`proxies\` is ${String(proxies)}.`, {
      code: 'OPTION_INVALID',
      hint: 'Pass how many of your own proxies a request passes: 0, 1, or more.',
    })
  }
  return (options) => {
    assertNumbers('platform', options, { maxBytes: 0 })
    if (options.limit) assertNumbers('platform', options.limit, { calls: 0, windowSeconds: 1 })
    return (request, context) => {
      const trace = newTrace(parseTraceparent(request.headers.get('traceparent')))
      // A unit of work of its own: a trace id is a label, and two clients may send the same one.
      return withUnit({ trace }, () => answer({ ports, options, request, context }))
    }
  }
}

/** What one request is answered by. */
interface Call<User extends RouteUser, Auth extends 'required' | 'optional' | 'none', Body, Params> {
  readonly ports: RoutePorts<User>
  readonly options: RouteOptions<User, Auth, Body, Params>
  readonly request: Request
  readonly context: { readonly params: Promise<unknown> }
}

async function answer<User extends RouteUser, Auth extends 'required' | 'optional' | 'none', Body, Params>(
  call: Call<User, Auth, Body, Params>,
): Promise<Response> {
  const { ports, options, request } = call
  const { route } = options
  const { method } = request
  const started = performance.now()
  const operation = startOperation('http.request')
  const traceId = currentContext()?.trace.traceId
  let user: User | undefined
  let response: Response
  try {
    user = options.auth === 'none' ? undefined : await ports.authenticate(request)
    const run = (): Promise<Response> => admit(call, user)
    const scope = currentScope()
    if (user && scope) scope.user = { id: user.id }
    response = await operation.run(() => as(user, run))
  } catch (error) {
    const body = unexpected(error, traceId)
    if (body.status >= 500) {
      survive('capture', () => ports.capture(error, { route, method, ...(user && { userId: user.id }) }))
    }
    response = problem(body)
  }
  const durationMs = performance.now() - started
  operation.end({ method, route, status: response.status })
  survive('observe', () => ports.observe?.({ route, method, status: response.status, durationMs, userId: user?.id }))
  return traceId ? withHeaders(response, { 'x-trace-id': traceId }) : response
}

/** How the limit of a route is called in its header fields. */
const LIMIT = { name: 'api' }

async function admit<User extends RouteUser, Auth extends 'required' | 'optional' | 'none', Body, Params>(
  { ports, options, request, context }: Call<User, Auth, Body, Params>,
  user: User | undefined,
): Promise<Response> {
  const { route, auth = 'required', role, body: schema, maxBytes = 64 * 1024 } = options
  const limit = options.limit ?? { calls: 100, windowSeconds: 60 }

  if (crossSite(request)) {
    return problem({ title: 'Requests from other sites are refused', status: 403, code: 'CROSS_SITE' })
  }
  let headers: Record<string, string> = {}
  if (limit) {
    const who = user ? `user:${user.id}` : `ip:${address(request, ports.proxies ?? 1)}`
    const result = await countCall(ports, `${request.method} ${route} ${who}`, limit)
    if (result && !result.allowed) return rateLimitResponse(result, LIMIT)
    if (result) headers = rateLimitHeaders(result, LIMIT)
  }
  if (auth === 'required' && !user) {
    return problem({ title: 'Sign in first', status: 401, code: 'UNAUTHENTICATED', headers })
  }
  if (role !== undefined && user?.role !== role) {
    return problem({ title: 'Your account may not do this', status: 403, code: 'FORBIDDEN', headers })
  }
  let body: unknown
  if (schema) {
    const read = await readJson(request, schema, maxBytes)
    if ('problem' in read) {
      const extensions = { ...read.problem.extensions, traceId: currentContext()?.trace.traceId }
      return problem({ ...read.problem, headers, extensions })
    }
    body = read.value
  }
  const params = await context.params
  const response = await options.handler({ request, user, body, params } as Parameters<typeof options.handler>[0])
  return withHeaders(response, headers)
}

/** A response of `fetch` or `Response.redirect` has headers that can't be changed, and goes on as a copy of itself. */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const all = new Headers(response.headers)
  for (const [name, value] of Object.entries(headers)) all.set(name, value)
  try {
    for (const name of Object.keys(headers)) response.headers.set(name, all.get(name) as string)
    return response
  } catch {
    const { body, status, statusText } = response
    // `Response.error()` can't be copied.
    if (status === 0) return response
    return new Response(body, { status, statusText, headers: all })
  }
}

/** Who may not be counted is let through, and it is reported: a store that is away is no reason to refuse everybody. */
async function countCall(
  { rateLimit }: Pick<RoutePorts<RouteUser>, 'rateLimit'>,
  id: string,
  { calls, windowSeconds }: { readonly calls: number; readonly windowSeconds: number },
): Promise<RateLimitResult | undefined> {
  try {
    return await rateLimit(id, calls, windowSeconds)
  } catch (error) {
    reportFailure(error, { concern: 'platform', operation: 'rateLimit' })
    return undefined
  }
}

/** A browser says where a request comes from; anything that writes must come from our own pages. */
function crossSite(request: Request): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return false
  const site = request.headers.get('sec-fetch-site')
  if (site) return site !== 'same-origin' && site !== 'none'
  const origin = request.headers.get('origin')
  // Without either header it is no browser, and carries no cookie that a page could abuse.
  return origin !== null && URL.parse(origin)?.host !== request.headers.get('host')
}

/**
 * The client as the outermost of our own proxies saw it. Each appends whom it was called by; what stands before that is
 * what the client says of itself.
 */
function address(request: Request, proxies: number): string {
  const hops = request.headers.get('x-forwarded-for')?.split(',') ?? []
  // Without a proxy, the header is the client's own invention.
  const seen = proxies > 0 ? hops.at(-Math.min(proxies, hops.length))?.trim() : undefined
  return (seen && withoutPort(seen)) || 'unknown'
}

/**
 * Some proxies (Azure's, for one) append the port too, which is another for each connection: `1.2.3.4:5678`, `[::1]:99`. A
 * bare IPv6 address has more than one colon, and no port.
 *
 * Source: https://learn.microsoft.com/azure/application-gateway/how-application-gateway-works, `ip:port`; RFC 7239, section 6.
 */
function withoutPort(hop: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d+)?|([^:]*):\d+)$/.exec(hop) ?? []
  return bracketed ?? plain ?? hop
}

/** In a handler a value that is not valid is ours, whoever sent us what it was made of: the client learns nothing of it. */
function unexpected(error: unknown, traceId: string | undefined): ProblemOptions {
  return problemFrom(isValidationError(error) ? undefined : error, traceId)
}

/** What a port throws or rejects with costs the request nothing. */
function survive(operation: string, run: () => unknown): void {
  runReported(run, { concern: 'platform', operation })
}

/** In the same span, for `user`. */
function as<T>(user: RouteUser | undefined, run: () => T): T {
  const context = currentContext()
  return user && context ? withContext({ ...context, userId: user.id }, run) : run()
}
