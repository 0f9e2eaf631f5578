import { ConfigError } from '../errors/errors.ts'
import { failureSlot } from '../errors/failure-slot.ts'
import { redactText } from '../errors/redact-text.ts'
import type { BodyRefusal } from './body/read-body.ts'

/** The members of a problem document that `ProblemOptions` sets directly. */
type OwnMember = 'type' | 'title' | 'status' | 'detail' | 'instance' | 'code'

export interface ProblemOptions {
  /** An HTTP status from 400 to 599. */
  readonly status: number
  /** A summary of the kind of problem, the same at each occurrence. Default: the status's reason phrase. */
  readonly title?: string | undefined
  /** A URI that identifies the kind of problem. Default `about:blank`. */
  readonly type?: string | undefined
  /** Describes this occurrence to a person. It may contain an error's message, because it is redacted. */
  readonly detail?: string | undefined
  /** A URI that identifies this occurrence. */
  readonly instance?: string | undefined
  /** A stable code by which programs distinguish problems. */
  readonly code?: string | undefined
  /** Milliseconds after which the same request may succeed; sent as `Retry-After` in whole seconds, rounded up. */
  readonly retryAfterMs?: number | undefined
  /** Additional header fields. They can't replace `Content-Type` and `Cache-Control`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Additional members, such as `issues` or `traceId`. */
  readonly extensions?: (Readonly<Record<string, unknown>> & { readonly [Own in OwnMember]?: never }) | undefined
}

/**
 * Makes a problem document (RFC 9457): `application/problem+json` with `Cache-Control: no-store`. Extensions can't replace
 * its own members, and `headers` can't replace these two fields. Extensions that JSON can't carry are left out.
 *
 * @throws ConfigError `PROBLEM_STATUS_INVALID` for a status that is not an integer from 400 to 599.
 * @throws TypeError for `headers` that are no header fields.
 * @example
 * problem({ status: 404, title: 'There is no such release', code: 'NOT_FOUND' })
 */
export function problem(options: ProblemOptions): Response {
  const { status, type = 'about:blank', title = phraseOf(status), detail, instance, code, extensions } = options
  if (!Number.isInteger(status) || status < 400 || status > 599) {
    throw new ConfigError(`[msc/core] A problem document can't have the status ${String(status)}.`, {
      code: 'PROBLEM_STATUS_INVALID',
      hint: 'Pass a status from 400 to 599.',
    })
  }
  const safeDetail = typeof detail === 'string' ? redactText(detail, failureSlot().redact) : undefined
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const own: Record<OwnMember, unknown> = {
    type: text(type) ?? 'about:blank',
    title: text(title) ?? phraseOf(status),
    status,
    detail: safeDetail,
    instance: text(instance),
    code: text(code),
  }
  return new Response(bodyOf(own, extensions), { status, headers: headersOf(options) })
}

/** Leaves each extension out that JSON can't carry: the answer to a failure must not fail. */
function bodyOf(own: Record<OwnMember, unknown>, extensions: ProblemOptions['extensions']): string {
  const write = (more: object | undefined): string =>
    // JSON.stringify omits members that are undefined or functions, but calls one that is named `toJSON`.
    JSON.stringify({ ...own, ...more, ...own, toJSON: undefined })
  try {
    return write(extensions)
  } catch {}
  try {
    return write(writable(extensions))
  } catch {
    return JSON.stringify(own)
  }
}

function writable(extensions: object | undefined): object {
  const kept: [string, unknown][] = []
  for (const name of Object.keys(extensions ?? {})) {
    try {
      // Written here and never again: a getter or a `toJSON` may throw the next time. What JSON omits does not parse.
      kept.push([name, JSON.parse(JSON.stringify((extensions as Readonly<Record<string, unknown>>)[name]))])
    } catch {}
  }
  return Object.fromEntries(kept)
}

/** The largest `Retry-After`: larger numbers would be written with an exponent, which clients don't parse. */
const MAX_SECONDS = 2 ** 31 - 1

function headersOf({ headers, retryAfterMs }: ProblemOptions): Headers {
  const all = new Headers(headers)
  all.set('content-type', 'application/problem+json')
  all.set('cache-control', 'no-store')
  // Rounds up, so that no client comes back too early.
  if (retryAfterMs !== undefined && Number.isFinite(retryAfterMs)) {
    all.set('retry-after', String(Math.min(MAX_SECONDS, Math.ceil(Math.max(0, retryAfterMs) / 1000))))
  }
  return all
}

/** Returns the problem for a request whose body was refused, with status 413, 408, 415 or 400. */
export function bodyProblem(refused: BodyRefusal, maxBytes: number): ProblemOptions {
  switch (refused) {
    case 'too-large':
      return { title: `The body is larger than ${maxBytes} bytes`, status: 413, code: 'BODY_TOO_LARGE' }
    case 'timed-out':
      return { title: 'The body did not arrive in time', status: 408, code: 'BODY_TIMED_OUT' }
    case 'encoded':
      return {
        title: 'The body has a Content-Encoding that is not read here',
        status: 415,
        code: 'CONTENT_ENCODING_UNSUPPORTED',
        // Source: RFC 9110, section 15.5.16.
        headers: { 'accept-encoding': 'identity' },
      }
    case 'malformed':
      return { title: 'The body is not UTF-8', status: 400, code: 'BODY_MALFORMED' }
    default:
      // The client or its proxy disconnected, so this is not the server's failure.
      return { title: 'The body ended early', status: 400, code: 'BODY_INCOMPLETE' }
  }
}

/** Reason phrases. Source: RFC 9110, section 15, and RFC 6585. */
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

/** An unknown status is treated as the x00 status of its class. Source: RFC 9110, section 15. */
function phraseOf(status: number): string {
  return PHRASES[status] ?? (status < 500 ? 'Bad Request' : 'Internal Server Error')
}
