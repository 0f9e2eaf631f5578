import { ConfigError } from '../errors/errors.ts'
import { failureSlot } from '../errors/failure-slot.ts'
import { redactText } from '../errors/redact-text.ts'
import type { BodyRefusal } from './body/read-body.ts'

/** The members that have an option of their own. */
type OwnMember = 'type' | 'title' | 'status' | 'detail' | 'instance' | 'code'

export interface ProblemOptions {
  /** From 400 to 599. */
  readonly status: number
  /** What kind of problem it is, the same each time. Default: the status in words. */
  readonly title?: string | undefined
  /** A URI that identifies the kind of problem. Default `about:blank`. */
  readonly type?: string | undefined
  /** What went wrong this time, for a person. It may hold an error's message: it is redacted. */
  readonly detail?: string | undefined
  /** A URI that identifies this occurrence. */
  readonly instance?: string | undefined
  /** What a program tells problems apart by; it never changes its meaning. */
  readonly code?: string | undefined
  /** Milliseconds after which the same request may succeed; sent as `Retry-After`, in whole seconds, rounded up. */
  readonly retryAfterMs?: number | undefined
  /** More header fields. `Content-Type` and `Cache-Control` stay those of a problem. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** More members: `issues`, `traceId`. */
  readonly extensions?: (Readonly<Record<string, unknown>> & { readonly [Own in OwnMember]?: never }) | undefined
}

/**
 * A problem document (RFC 9457): `application/problem+json` that no cache keeps. Its own members can't be replaced by an
 * extension, nor its header fields by another of that name.
 *
 * @throws ConfigError `PROBLEM_STATUS_INVALID` for a status that is no error's.
 * @example
 * problem({ status: 404, title: 'There is no such release', code: 'NOT_FOUND' })
 */
export function problem(options: ProblemOptions): Response {
  const { status, type = 'about:blank', title = phraseOf(status), detail, instance, code, extensions } = options
  if (!Number.isInteger(status) || status < 400 || status > 599) {
    throw new ConfigError(`[msc/core] A problem can not have the status ${String(status)}.`, {
      code: 'PROBLEM_STATUS_INVALID',
      hint: 'Pass a status from 400 to 599.',
    })
  }
  const safeDetail = detail === undefined ? undefined : redactText(detail, failureSlot().redact)
  // JSON leaves out what is undefined, an extension's value too.
  const own: Record<OwnMember, unknown> = { type, title, status, detail: safeDetail, instance, code }
  return new Response(JSON.stringify({ ...own, ...extensions, ...own }), { status, headers: headersOf(options) })
}

function headersOf({ headers, retryAfterMs }: ProblemOptions): Headers {
  const all = new Headers(headers)
  all.set('content-type', 'application/problem+json')
  all.set('cache-control', 'no-store')
  // A date's own rounding must not send a client back too early.
  if (retryAfterMs !== undefined && Number.isFinite(retryAfterMs)) {
    all.set('retry-after', String(Math.ceil(Math.max(0, retryAfterMs) / 1000)))
  }
  return all
}

/** What a request whose body could not be read is answered: 413, 408 or 400. */
export function bodyProblem(refused: BodyRefusal, maxBytes: number): ProblemOptions {
  switch (refused) {
    case 'too-large':
      return { title: `The body is larger than ${maxBytes} bytes`, status: 413, code: 'BODY_TOO_LARGE' }
    case 'timed-out':
      return { title: 'The body did not arrive in time', status: 408, code: 'BODY_TIMED_OUT' }
    case 'malformed':
      return { title: 'The body is not UTF-8', status: 400, code: 'BODY_MALFORMED' }
    default:
      // The client has gone, or its proxy: no failure of ours.
      return { title: 'The body ended before all of it had arrived', status: 400, code: 'BODY_INCOMPLETE' }
  }
}

/** Source: RFC 9110, section 15; RFC 6585. */
const PHRASES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** A status that is not known means what the first of its class does: RFC 9110, section 15. */
function phraseOf(status: number): string {
  return PHRASES[status] ?? (status < 500 ? 'Bad Request' : 'Internal Server Error')
}
