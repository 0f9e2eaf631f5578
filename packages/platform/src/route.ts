import {
  MscError,
  assertMethods,
  isDriverError,
  isValidationError,
  currentContext,
  currentScope,
  deadline,
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
import type { Idempotency } from './idempotency/idempotency.ts'
import { answerOnce, type IdempotencyMode } from './idempotency/route-idempotency.ts'
import { assertClientAddress, clientAddress, type ClientAddressOptions } from './profile/client-address.ts'
import { problemFrom } from './problem.ts'
import { FORM_KEY, isForm, readForm, readJson } from './read-body.ts'
import { assertRoute, createUserFrom, type UserFrom } from './route-checks.ts'

export interface RouteUser {
  readonly id: string
  readonly role?: string
}

/**
 * The application's part of every route. A failure in any port except `authenticate` does not fail the request, but for a
 * `ConfigError` of `rateLimit`: without a configuration there would never be a limit. While its backend is away or silent,
 * requests are let through.
 */
export interface RoutePorts<User extends RouteUser> {
  /**
   * Returns the user who sent the request, or `undefined` if nobody is signed in. What has no `id` of text counts as nobody, and
   * the first of these is reported.
   */
  authenticate(request: Request): Promise<User | undefined>
  /** Counts the request. An answer that takes over two seconds is not awaited. */
  rateLimit(id: string, limit: number, windowSeconds: number): Promise<RateLimitResult>
  /** Called with every unexpected error. It runs in the request's unit of work, whose scope has the user. */
  capture(error: unknown, context: { readonly route: string; readonly method: string; readonly userId?: string }): void
  /**
   * How the address of a caller is found, by which callers without an account are told apart. Default: as a server of your
   * own has stamped it ({@link stampClientAddress}); behind none they all share one limit until `trustedHops` or `header` is
   * set, for which `profileFromEnv` reads the environment.
   */
  readonly clientAddress?: ClientAddressOptions
  /** Recognises a POST or PATCH that is sent again with the same `Idempotency-Key`; see `createIdempotency`. */
  readonly idempotency?: Pick<Idempotency, 'run'>
  /** Called after every request. */
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
  /**
   * With an `Idempotency-Key`: the same at each try of the same request, and another one for every other request. Make ids
   * of it (`idempotentId`), and a request that runs twice because the process was killed writes its rows once.
   */
  readonly idempotencyKey: string | undefined
}

export interface RouteOptions<User, Auth extends 'required' | 'optional' | 'none', Body, Params> {
  /** The route's pattern, such as `/api/releases/[id]`. It names the route in telemetry and rate limits. */
  readonly route: string
  /** Default `required`: 401 when nobody is signed in. */
  readonly auth?: Auth
  /** Users with another role get 403. */
  readonly role?: string
  /** Without a schema the body is not read and `body` is `undefined`. */
  readonly body?: StandardSchema<unknown, Body>
  /** In bytes. Default 64 KiB. */
  readonly maxBytes?: number
  /** Per user, or per address without one. Default 100 calls per 60 seconds; `false` for no limit. */
  readonly limit?: { readonly calls: number; readonly windowSeconds: number } | false
  /**
   * Lets an HTML form send the body too, so that the page works without scripts (`application/x-www-form-urlencoded`; every value
   * is text, an empty one `''`). A field `_key` is the form's `Idempotency-Key`. It turns the answer that a program would have got into one for a person, usually a redirect to a
   * page: see {@link seeOther}. Default: forms get 415.
   */
  readonly form?: (sent: FormSent<User>) => Promise<Response> | Response
  /**
   * Whether the route takes an `Idempotency-Key`, for POST and PATCH. Default `optional`. Choose `none` for answers that carry
   * a secret: answers are kept. A body that no schema reads may have `maxBytes` then, and a 413 follows beyond that.
   */
  readonly idempotency?: IdempotencyMode
  readonly handler: (
    context: RouteContext<Auth extends 'required' | undefined ? User : User | undefined, Body, Params>,
  ) => Promise<Response> | Response
}

/** A form that was sent, and what came of it. */
export interface FormSent<User> {
  readonly request: Request
  /** The handler's response, or the problem document of a refusal. */
  readonly response: Response
  /** The fields as they were sent; empty when they were not read. They may hold a password. */
  readonly values: Readonly<Record<string, string>>
  readonly user: User | undefined
}

/** A handler as Next.js calls it. Other servers pass the request alone, or `{ params }` as an object or a promise of one. */
export type RouteHandler = (request: Request, context?: { readonly params?: unknown }) => Promise<Response>

export type DefineRoute<User extends RouteUser> = <
  Auth extends 'required' | 'optional' | 'none' = 'required',
  Body = undefined,
  Params = Record<string, never>,
>(
  options: RouteOptions<User, Auth, Body, Params>,
) => RouteHandler

/**
 * Makes a `route()` that adds to a handler what every API endpoint needs: trace, authentication, same-origin check,
 * rate limit, body limits and validation, problem documents, error capture and request telemetry. No answer is stored by a
 * cache unless the handler says so in `cache-control`.
 *
 * @throws ConfigError `OPTION_INVALID` for an invalid `clientAddress`, and for ports that are not functions. The
 *   returned function throws it for a route that can not be what its options say.
 */
export function createRoutes<User extends RouteUser>(ports: RoutePorts<User>): DefineRoute<User> {
  assertMethods('platform', 'ports', ports, ['authenticate', 'rateLimit', 'capture'], ['observe'])
  if (ports.clientAddress !== undefined) assertClientAddress(ports.clientAddress, 'clientAddress')
  if (ports.idempotency !== undefined) assertMethods('platform', 'ports.idempotency', ports.idempotency, ['run'])
  const userFrom = createUserFrom<User>()
  return (options) => {
    assertRoute(options, ports.idempotency !== undefined)
    return (request, context) => {
      const trace = newTrace(parseTraceparent(request.headers.get('traceparent')))
      // A separate unit of work: clients choose their trace ids, and two may send the same one.
      return withUnit({ trace }, () => answer({ ports, options, request, context, userFrom }))
    }
  }
}

/** What one request is answered by. */
interface Call<User extends RouteUser, Auth extends 'required' | 'optional' | 'none', Body, Params> {
  readonly ports: RoutePorts<User>
  readonly options: RouteOptions<User, Auth, Body, Params>
  readonly request: Request
  readonly context: { readonly params?: unknown } | undefined
  readonly userFrom: UserFrom<User>
  /** Set when the fields of a form have been read. */
  values?: Readonly<Record<string, string>>
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
    user = options.auth === 'none' ? undefined : call.userFrom(await ports.authenticate(request))
    const run = (): Promise<Response> => admit(call, user)
    const scope = currentScope()
    if (user && scope) scope.user = { id: user.id }
    response = await operation.run(() => as(user, run))
  } catch (error) {
    const body = unexpected(error, traceId)
    if (body.status >= 500) {
      reportErrors('capture', () => ports.capture(error, { route, method, ...(user && { userId: user.id }) }))
    }
    response = problem(body)
  }
  if (options.form && isForm(request)) response = await answerForm(call, options.form, response, user)
  const durationMs = performance.now() - started
  operation.end({ method, route, status: response.status })
  reportErrors('observe', () =>
    ports.observe?.({ route, method, status: response.status, durationMs, userId: user?.id }),
  )
  return withHeaders(response, {
    ...(traceId && { 'x-trace-id': traceId }),
    'x-content-type-options': 'nosniff',
    // What one person gets must not be kept for the next one.
    ...(!response.headers.has('cache-control') && { 'cache-control': 'private, no-store' }),
  })
}

/** A person can read no problem document, but a failure of `form` must not end in none. */
async function answerForm<User extends RouteUser, Auth extends 'required' | 'optional' | 'none', Body, Params>(
  { ports, options: { route }, request, values = {} }: Call<User, Auth, Body, Params>,
  form: (sent: FormSent<User>) => Promise<Response> | Response,
  response: Response,
  user: User | undefined,
): Promise<Response> {
  try {
    const answered = await form({ request, response, values, user })
    if (!isResponse(answered)) throw new TypeError(`[msc/platform] \`form\` of ${route} returned no Response.`)
    return answered
  } catch (error) {
    reportErrors('capture', () => ports.capture(error, { route, method: request.method }))
    return response
  }
}

/**
 * Redirects a browser to a page with GET, so that loading the page again sends nothing again. Takes over the cookies and the
 * header fields of limits that `response` has.
 *
 * @param path A path of this site, such as `/releases/42`; anything else becomes `/`. See {@link localPath}.
 */
export function seeOther(path: string, response?: Response): Response {
  const headers = new Headers({ location: localPath(path), 'cache-control': 'no-store' })
  for (const [name, value] of response?.headers ?? []) {
    if (name === 'set-cookie' || name.startsWith('ratelimit') || name === 'retry-after') headers.append(name, value)
  }
  return new Response(null, { status: 303, headers })
}

/**
 * Returns a path of this site from text that somebody else may have written, such as the `next` of a sign-in page: what leads to
 * another site, or is no path, becomes `/`. The fragment is left out.
 */
export function localPath(text: unknown): string {
  if (typeof text !== 'string' || text.length > 2000 || !text.startsWith('/')) return '/'
  // As a browser would read it: it takes a backslash for a slash, and leaves out tabs and line breaks.
  const base = 'http://local.invalid'
  const url = URL.parse(text, base)
  return url?.origin === base ? url.pathname.replace(/^\/{2,}/, '/') + url.search : '/'
}

/** How the limit of a route is called in its header fields. */
const LIMIT = { name: 'api' }

async function admit<User extends RouteUser, Auth extends 'required' | 'optional' | 'none', Body, Params>(
  call: Call<User, Auth, Body, Params>,
  user: User | undefined,
): Promise<Response> {
  const { ports, options, request, context } = call
  const { route, auth = 'required', role, body: schema, maxBytes = 64 * 1024 } = options
  const limit = options.limit ?? { calls: 100, windowSeconds: 60 }
  const caller = user ? ['user', user.id] : ['address', clientAddress(request, ports.clientAddress)]

  const extensions = { traceId: currentContext()?.trace.traceId }
  if (crossSite(request)) {
    return problem({ title: 'Requests from other sites are refused', status: 403, code: 'CROSS_SITE', extensions })
  }
  let headers: Record<string, string> = {}
  if (limit) {
    const who = `${user ? 'user' : 'ip'}:${caller[1]}`
    const counted = await countCall(ports, `${request.method} ${route} ${who}`, limit)
    if (counted instanceof Response) return counted
    headers = counted
  }
  if (auth === 'required' && !user) {
    return problem({ title: 'Sign in first', status: 401, code: 'UNAUTHENTICATED', headers, extensions })
  }
  if (role !== undefined && user?.role !== role) {
    return problem({ title: 'Your account may not do this', status: 403, code: 'FORBIDDEN', headers, extensions })
  }
  let body: unknown
  let text: string | undefined
  if (schema) {
    const read =
      options.form && isForm(request)
        ? await readForm(request, schema, maxBytes, (values) => (call.values = values))
        : await readJson(request, schema, maxBytes)
    if ('problem' in read) {
      const all = { ...read.problem.extensions, ...extensions }
      return problem({ ...read.problem, headers: { ...read.problem.headers, ...headers }, extensions: all })
    }
    body = read.value
    text = read.text
  }
  const params = (await context?.params) ?? {}
  const handle = async (idempotencyKey: string | undefined): Promise<Response> => {
    const given = { request, user, body, params, idempotencyKey }
    const response = await options.handler(given as Parameters<typeof options.handler>[0])
    if (!isResponse(response)) {
      throw new TypeError(`[msc/platform] The handler of ${route} returned no Response.`)
    }
    return response
  }
  const mode = options.idempotency ?? 'optional'
  const asked = { request, route, mode, caller, params, text, maxBytes, formKey: call.values?.[FORM_KEY] }
  return withHeaders(await answerOnce(ports.idempotency, asked, handle), headers)
}

/** Of any realm, and of any implementation. */
function isResponse(value: unknown): value is Response {
  return typeof (value as Partial<Response> | undefined)?.headers?.get === 'function'
}

/** Adds headers to a response. Those of `fetch` and `Response.redirect` are immutable, so such a response is copied. */
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

/** Milliseconds that a request waits for the limiter. */
const RATE_LIMIT_MS = 2000

/**
 * Returns the refusal of a call beyond the limit, or the header fields for the response. When the store is away, or the
 * limiter's answer can't be read, the request is let through and the failure is reported: refusing everybody would be
 * worse.
 */
async function countCall(
  { rateLimit }: Pick<RoutePorts<RouteUser>, 'rateLimit'>,
  id: string,
  { calls, windowSeconds }: { readonly calls: number; readonly windowSeconds: number },
): Promise<Response | Record<string, string>> {
  try {
    const count = (): Promise<RateLimitResult> => rateLimit(id, calls, windowSeconds)
    const result = await deadline(count, { operation: '[msc/platform] rateLimit', timeoutMs: RATE_LIMIT_MS })
    if (typeof result.allowed !== 'boolean') throw new TypeError('The limiter returned no `allowed`.')
    if (result.allowed) return rateLimitHeaders(result, LIMIT)
    return rateLimitResponse(result, { ...LIMIT, traceId: currentContext()?.trace.traceId })
  } catch (error) {
    // A mistake, such as a wrong configuration: no outage ends it, so there would never be a limit.
    if (MscError.isInstance(error) && !error.retryable && !isDriverError(error)) throw error
    reportFailure(error, { concern: 'platform', operation: 'rateLimit' })
    return {}
  }
}

/** True for a request that writes and that another site's page has sent, by what its browser says. */
function crossSite(request: Request): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return false
  const site = request.headers.get('sec-fetch-site')
  if (site) return site !== 'same-origin' && site !== 'none'
  const origin = request.headers.get('origin')
  // Without either header the client is not a browser, and carries no cookie that a page could abuse.
  return origin !== null && URL.parse(origin)?.host !== request.headers.get('host')
}

/**
 * An invalid value in a handler is our own failure, whoever sent the data that it came from: the client learns nothing
 * of it.
 */
function unexpected(error: unknown, traceId: string | undefined): ProblemOptions {
  return problemFrom(isValidationError(error) ? undefined : error, traceId)
}

/** Runs a port whose failure must not fail the request. */
function reportErrors(operation: string, run: () => unknown): void {
  runReported(run, { concern: 'platform', operation })
}

/** Runs in the same span, as `user`. */
function as<T>(user: RouteUser | undefined, run: () => T): T {
  const context = currentContext()
  return user && context ? withContext({ ...context, userId: user.id }, run) : run()
}
