import { problem } from '@msc/core/http-request'
import { whoIs, type Admission, type Who } from '../admission/admission.ts'
import type { Liveness } from '../admission/liveness.ts'
import { codeOfAnswer, fail, protectedAnswer, sessionEnded, sessionUnknown, tooMany } from './answers.ts'
import { textOf } from './body.ts'
import { verifyToken, type Claims } from '../entrance/claims.ts'
import type { Counters } from '../counters.ts'
import type { MatchRoute, RouteName } from './routes.ts'

/** A request whose sender is known and within the limits of its account and its address. */
export interface Call {
  readonly request: Request
  readonly url: URL
  readonly params: Readonly<Record<string, string | undefined>>
  readonly claims: Claims
  readonly who: Who
  /** Of the messages in an answer: it goes over the bus. */
  readonly maxAnswerBytes?: number
  /** `disconnect` was called for these claims since they were found to be live. */
  isEnded(): boolean
}
/** One that needs no token. */
export type OpenCall = Omit<Call, 'claims' | 'isEnded'>

/** One for each route that is not an upgrade; a route without a handler, and a handler without a route, do not compile. */
interface Handlers extends Record<Exclude<RouteName, 'websocket'>, unknown> {
  readonly health: (call: OpenCall) => Response
  readonly metrics: (call: OpenCall) => Response
  readonly frames: (call: OpenCall) => Promise<Response>
  readonly events: (call: Call) => Promise<Response>
  readonly pollOpen: (call: Call) => Promise<Response>
  readonly poll: (call: OpenCall) => Promise<Response>
  readonly pollFrames: (call: OpenCall) => Promise<Response>
  readonly broadcast: (call: Call) => Promise<Response>
  readonly broadcastOne: (call: Call) => Promise<Response>
  readonly since: (call: Call) => Promise<Response>
}

export interface HttpContext {
  readonly match: MatchRoute
  readonly jwtSecret: string
  readonly admission: Admission
  readonly liveness: Liveness
  readonly counters: Counters
  /** What is answered once the server has been closed. */
  gone(): Response | undefined
  /** Whether the application lets this request read the metrics, whoever sent it. Never rejects. */
  mayReadMetrics(request: Request): Promise<boolean>
  readonly handlers: Handlers
}

/**
 * Answers a request: finds its route, who sent it, whether that one has calls left and whether its session goes on.
 *
 * @param address As `addressKey` writes it; `undefined` where whoever serves the request did not say it.
 * @returns `undefined` for an address that is not the server's.
 */
export async function handleHttp(
  request: Request,
  address: string | undefined,
  context: HttpContext,
): Promise<Response | undefined> {
  const url = new URL(request.url)
  const matched = context.match(request.method, url.pathname)
  if (!matched) return undefined
  const { route, allow, params } = matched
  const nobody: Who = { address }
  const refused = (who: Who): Response | undefined => {
    const refusal = context.admission.take(who, { requestsPerMinute: 1 })
    return refusal && tooMany(refusal)
  }
  const answer = async (): Promise<Response> => {
    if (!route) return refused(nobody) ?? fail(405, `Use ${allow.join(' or ')}`, { allow: allow.join(', ') })
    const { name } = route
    // What a poll was answered last may have been lost on its way.
    const gone = name === 'poll' ? undefined : context.gone()
    if (gone) return gone
    if (name === 'websocket') return refused(nobody) ?? fail(426, 'Use a WebSocket', { upgrade: 'websocket' })
    if (name === 'health' || name === 'frames' || name === 'poll' || name === 'pollFrames') {
      // Whose stream it is says its secret name, and that is counted there.
      return refused(nobody) ?? context.handlers[name]({ request, url, params, who: nobody })
    }
    if (name === 'metrics') {
      const over = refused(nobody)
      if (over) return over
      if (await context.mayReadMetrics(request)) return context.handlers.metrics({ request, url, params, who: nobody })
    }
    const token = tokenOf(request, name === 'events' ? url : undefined)
    if (token === '') return refused(nobody) ?? fail(401, 'API key is missing')
    const verified = await verifyToken(token, context.jwtSecret)
    if ('error' in verified) return refused(nobody) ?? fail(401, verified.error)
    const { claims } = verified
    // The address of who asks for metrics was counted before.
    const who = whoIs(claims, name === 'metrics' ? undefined : address)
    return (
      refused(who) ??
      (await context.liveness.during(claims, (verdict, isEnded) => {
        if (verdict === 'ended') return sessionEnded()
        if (verdict === 'unavailable') return sessionUnknown()
        if (name === 'metrics' && claims.role !== 'service_role') return fail(403, 'The metrics are the service role’s')
        return context.handlers[name]({ request, url, params, claims, who, isEnded })
      }))
    )
  }
  const response = await answer()
  const code = codeOfAnswer(response)
  if (code) context.counters.countRefused(code)
  return protectedAnswer(response)
}

function tokenOf({ headers }: Request, url: URL | undefined): string {
  const bearer = headers.get('authorization')?.replace(/^Bearer /i, '')
  // An EventSource can set no header.
  return bearer ?? headers.get('apikey') ?? url?.searchParams.get('apikey') ?? ''
}

/** A request's body, counted; or what is answered in its place. */
export async function countedText(
  { request, who }: Pick<Call, 'request' | 'who'>,
  admission: Admission,
  maxBytes: number,
): Promise<Awaited<ReturnType<typeof textOf>>> {
  const read = await textOf(request, maxBytes)
  if (read.refusal) return read
  const refusal = admission.take(who, { requestBytesPerMinute: Buffer.byteLength(read.text) })
  return refusal ? { refusal: tooMany(refusal) } : read
}

/** More messages in one request than any may have: to wait does not help. */
export function tooManyAtOnce(most: number): Response {
  const error = `A request carries at most ${most} messages`
  return problem({ status: 413, title: error, code: 'MESSAGES_TOO_MANY', extensions: { error, most } })
}
