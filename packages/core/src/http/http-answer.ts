import type { DriverErrorOptions } from '../errors/errors.ts'
import type { BoundedBody } from './body/read-answer.ts'

export { readAnswer, readBounded } from './body/read-answer.ts'

/** The parts of a `Response` that decide whether a request succeeded. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /**
   * The body up to a limit, if it was read and the backend sends only JSON or nothing. A body that is neither did not come
   * from the backend.
   */
  readonly content?: BoundedBody
}

export interface HttpFailureOptions {
  /** The driver's name. */
  readonly driver: string
  /** The hint for refused credentials, which names the variables: `Check NEXT_PUBLIC_POSTHOG_KEY.` */
  readonly credentials: string
  /** The hint for an answer that did not come from the backend: `Check NEXT_PUBLIC_POSTHOG_HOST.` */
  readonly address: string
  /**
   * Returns whether a successful answer has the backend's own shape, since another JSON API at the address may answer 200 as
   * well. Gets the parsed body (`undefined` for an empty one) and the status. Accept the answers of every known version; a
   * proxy may have changed the content type. Default: accepts everything except an empty body with an HTML content type.
   */
  readonly expects?: (value: unknown, status: number) => boolean
  /** Returns the wall time in milliseconds, against which a date in `Retry-After` is measured. Default `Date.now`. */
  readonly now?: () => number
}

/** The message and options of the `DriverError` for an answer. */
export interface AnswerProblem extends DriverErrorOptions {
  readonly message: string
}

/**
 * Returns what is wrong with an HTTP answer, or `undefined` for success. `httpFailure` makes an error of it; this function
 * is in a file of its own, so that a page can load it only when there is an answer to judge. It decides from the status, once
 * for all vendors, whether a call may be retried.
 *
 * An HTML page comes from a proxy, a firewall or a wrong host, whatever its status. Only for 3xx, 413 and 429 the status
 * counts, because there a proxy answers on behalf of the backend. A body that begins with `<` is a page, and a body that is
 * JSON is not. The content type decides if the body is neither or was not read. An empty success typed as HTML is not a page
 * if `expects` accepts `undefined`.
 *
 * | answer | code | retryable | refuses |
 * |---|---|---|---|
 * | an HTML page, except with 3xx, 413 or 429 | `DRIVER_NOT_THE_BACKEND` | yes | backend |
 * | 2xx with a body that is not JSON, exceeds the limit, has an `error` or is not accepted by `expects` | `DRIVER_NOT_THE_BACKEND` | yes | backend |
 * | 3xx | `DRIVER_REDIRECTED` | no | backend |
 * | 401, 403, 407 | `DRIVER_UNAUTHORIZED` | no | backend |
 * | 402 | `DRIVER_QUOTA` | no | backend |
 * | 404, 405, 410, 421, 501, 505 | `DRIVER_NOT_THE_BACKEND` | no | backend |
 * | 408, 425, other 5xx | `DRIVER_FAILED` | yes | backend |
 * | 413 | `DRIVER_TOO_LARGE` | no | content |
 * | 429 | `DRIVER_RATE_LIMITED` | yes | backend |
 * | other 4xx | `DRIVER_REFUSED` | no | content |
 *
 * Source: RFC 9110, sections 10.2.3 (`Retry-After`) and 15 (status codes). The message never repeats the answer's body.
 */
export function judgeAnswer(
  answer: HttpAnswer,
  options: Omit<HttpFailureOptions, 'driver'>,
): AnswerProblem | undefined {
  const { status } = answer
  const isSuccess = isOk(status)
  const isPage = isHtml(answer, options) && !isOfProxies(status)
  if (isSuccess && !isPage) return isExpected(answer, options) ? undefined : notTheBackend(answer, options)
  const retryAfterMs = isSuccess ? undefined : retryAfter(answer.headers.get('retry-after'), options.now)
  const { code, retryable, refuses, hint } = isPage ? pageKind(options) : kindOf(status, options)
  return {
    message: isPage
      ? `An HTML page with status ${status} came in place of the backend's answer.`
      : `The server answered ${status}.`,
    code,
    retryable,
    refuses,
    ...(hint !== undefined && { hint }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}

interface FailureKind {
  readonly code: string
  readonly retryable: boolean
  readonly refuses: 'content' | 'backend'
  readonly hint?: string
}

function isOfProxies(status: number): boolean {
  return (status >= 300 && status < 400) || status === 413 || status === 429
}

function pageKind({ address }: Pick<HttpFailureOptions, 'address'>): FailureKind {
  return {
    code: 'DRIVER_NOT_THE_BACKEND',
    retryable: true,
    refuses: 'backend',
    hint: `${address} A proxy, a firewall or a sign-in page of the network may be in between.`,
  }
}

const ELSEWHERE = new Set([404, 405, 410, 421, 501, 505])

function kindOf(status: number, { credentials, address }: Omit<HttpFailureOptions, 'driver'>): FailureKind {
  // The server answered 3xx: the backend has another address.
  if (status < 400) return { code: 'DRIVER_REDIRECTED', retryable: false, refuses: 'backend', hint: address }
  // The server refused the credentials: 401, 403 or 407.
  if (status === 401 || status === 403 || status === 407) {
    return { code: 'DRIVER_UNAUTHORIZED', retryable: false, refuses: 'backend', hint: credentials }
  }
  // The server answered 402: the account's quota is used up.
  if (status === 402) {
    const hint = "The account's quota is used up: raise it, or wait for the next period."
    return { code: 'DRIVER_QUOTA', retryable: false, refuses: 'backend', hint }
  }
  // The server has no such address or method: 404, 405, 410, 421, 501 or 505.
  if (ELSEWHERE.has(status)) {
    return { code: 'DRIVER_NOT_THE_BACKEND', retryable: false, refuses: 'backend', hint: address }
  }
  // The server answered 413: the body is too large.
  if (status === 413) return { code: 'DRIVER_TOO_LARGE', retryable: false, refuses: 'content' }
  // The server answered 429: too many requests.
  if (status === 429) return { code: 'DRIVER_RATE_LIMITED', retryable: true, refuses: 'backend' }
  // The server answered 408, 425 or 5xx.
  if (status === 408 || status === 425 || status >= 500) {
    return { code: 'DRIVER_FAILED', retryable: true, refuses: 'backend' }
  }
  // The server answered another 4xx: it refuses this content and would refuse it again.
  return { code: 'DRIVER_REFUSED', retryable: false, refuses: 'content' }
}

/**
 * Says whether an answer is an HTML page. A JSON API never sends one, but captive portals, proxies and wrong hosts do, not
 * always with the HTML content type. The content type alone proves nothing: a proxy in Express (`res.send(text)`) or Django
 * (`HttpResponse(text)`) labels everything that it forwards as HTML, and Bugsink labels its empty receipts so.
 */
function isHtml({ status, headers, content }: HttpAnswer, { expects }: Pick<HttpFailureOptions, 'expects'>): boolean {
  if (content?.text.trimStart().startsWith('<')) return true
  if (!/^\s*(?:text\/html|application\/xhtml)/i.test(headers.get('content-type') ?? '')) return false
  const value = content?.complete ? parseContent(content) : UNREADABLE
  // A captive portal may send an empty page too, so an empty body counts only if the backend is known to send one.
  if (value === undefined) return !(isOk(status) && expects?.(value, status))
  return value === UNREADABLE
}

function isOk(status: number): boolean {
  return status >= 200 && status < 300
}

/** Says whether a success is JSON or empty. A body with an `error` comes from a gateway that always answers 200. */
function isExpected({ status, content }: HttpAnswer, { expects }: Pick<HttpFailureOptions, 'expects'>): boolean {
  if (!content) return true
  const value = parseContent(content)
  if (value === UNREADABLE || !content.complete) return false
  // `"error": null` means that there was no error.
  if ((value as { readonly error?: unknown } | null | undefined)?.error) return false
  return expects?.(value, status) ?? true
}

/** Parses a body as JSON. Returns `undefined` for an empty body and `UNREADABLE` for one that is not JSON. */
export function parseContent(content: Pick<BoundedBody, 'text'>): unknown {
  if (content.text.trim() === '') return undefined
  try {
    return JSON.parse(content.text) as unknown
  } catch {
    return UNREADABLE
  }
}

/** Returned by `parseContent` for a body that is not JSON. It is a symbol, since no JSON value can equal one. */
export const UNREADABLE: unique symbol = Symbol('not JSON')

/** Describes an answer that did not come from the backend by its status and kind of body, without repeating the body. */
export function notTheBackend(
  { status, content }: Pick<HttpAnswer, 'status' | 'content'>,
  { address }: Pick<HttpFailureOptions, 'address'>,
): AnswerProblem {
  return {
    message: `The answer did not come from the backend: it has status ${status} and ${kindOfBody(content)}.`,
    code: 'DRIVER_NOT_THE_BACKEND',
    retryable: true,
    refuses: 'backend',
    hint: `${address} A proxy, a gateway or another API may answer at this address.`,
  }
}

function kindOfBody(content: BoundedBody | undefined): string {
  const value = content && parseContent(content)
  if (value === undefined) return 'no body'
  if (value === UNREADABLE) return 'a body that is not JSON'
  return `a JSON ${Array.isArray(value) ? 'array' : typeof value === 'object' && value ? 'object' : 'value'}`
}

/**
 * Parses a `Retry-After` header, which is a number of seconds or an HTTP date, and returns milliseconds from now. Returns
 * `undefined` for anything else.
 *
 * @param now Returns the wall time in milliseconds since the epoch, against which a date is measured.
 */
export function retryAfter(header: string | null | undefined, now: () => number = Date.now): number | undefined {
  const text = header?.trim()
  if (!text) return undefined
  if (/^\d{1,9}(?:\.\d{1,3})?$/.test(text)) return Math.ceil(Number(text) * 1000)
  // `Date.parse` takes almost any number for a year, so require the name of a month.
  const at = /[a-z]{3}/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now())
}
