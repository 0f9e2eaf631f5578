import type { DriverErrorOptions } from '../errors/errors.ts'
import type { BoundedBody } from './body/read-answer.ts'

export { readAnswer, readBounded } from './body/read-answer.ts'

/** The parts of a `Response` that say what became of a request. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /** Its beginning, where it was read and should be JSON or empty: what is neither comes from something else. */
  readonly content?: BoundedBody
}

export interface HttpFailureOptions {
  /** The driver's name. */
  readonly driver: string
  /** What to do about a refusal of the credentials, naming the variables: `Check NEXT_PUBLIC_POSTHOG_KEY.` */
  readonly credentials: string
  /** What to do about an answer that comes from something else: `Check NEXT_PUBLIC_POSTHOG_HOST.` */
  readonly address: string
  /**
   * Whether a success is in the backend's own shape: any JSON API answers 200 to something. Takes what the answer says,
   * `undefined` for nothing, and its status. Accept what every known version sends, whatever type it is given on its way.
   * Default: anything but nothing typed as HTML.
   */
  readonly expects?: (value: unknown, status: number) => boolean
  /** Wall time for a `Retry-After` that is a date. Default `Date.now`. */
  readonly now?: () => number
}

/** What a `DriverError` says of an answer. */
export interface AnswerProblem extends DriverErrorOptions {
  readonly message: string
}

/**
 * What is wrong with an HTTP answer, or `undefined` for success: see `httpFailure`, which makes an error of it. Apart from
 * it, so that a page can load it when there is an answer to judge. Whether a call may be repeated is decided here, from
 * the status, once for all vendors. A page of HTML comes from a proxy, a firewall or a wrong host, whatever its status says;
 * only where such a one speaks for the backend too (elsewhere, too large, too often) the status counts. Its body decides
 * what is a page: one that begins with `<` is, one in JSON is not. Its type decides where the body says neither, or was
 * not read; but a success with nothing in it is none where `expects` takes nothing:
 *
 * | answer | code | retryable | refuses |
 * |---|---|---|---|
 * | a page of HTML, but for 3xx, 413 and 429 | `DRIVER_NOT_THE_BACKEND` | yes | backend |
 * | 2xx with a body that is no JSON, never ends, has an `error` or is not what `expects` takes | `DRIVER_NOT_THE_BACKEND` | yes | backend |
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
      ? `A page of HTML answered in place of the backend, with ${status}.`
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
  // The server answered 3xx: the address is that of something else.
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
  // The server answered another 4xx: this content is refused, and would be each time.
  return { code: 'DRIVER_REFUSED', retryable: false, refuses: 'content' }
}

/**
 * No JSON API answers with a page; a captive portal, a proxy's error page and a wrong host do, not always by its type. The
 * type alone proves nothing: a proxy written in Express (`res.send(text)`) or Django (`HttpResponse(text)`) types all that
 * it passes on as HTML, and Bugsink its empty receipts.
 */
function isHtml({ status, headers, content }: HttpAnswer, { expects }: Pick<HttpFailureOptions, 'expects'>): boolean {
  if (content?.text.trimStart().startsWith('<')) return true
  if (!/^\s*(?:text\/html|application\/xhtml)/i.test(headers.get('content-type') ?? '')) return false
  const said = content?.complete ? saidIn(content) : UNREADABLE
  // A portal may leave its page away, so that an empty one is the backend's only where that is known to say nothing.
  if (said === undefined) return !(isOk(status) && expects?.(said, status))
  return said === UNREADABLE
}

function isOk(status: number): boolean {
  return status >= 200 && status < 300
}

/** A success says so in JSON, or says nothing. One with an `error` in it comes from a gateway that always answers 200. */
function isExpected({ status, content }: HttpAnswer, { expects }: Pick<HttpFailureOptions, 'expects'>): boolean {
  if (!content) return true
  const value = saidIn(content)
  if (value === UNREADABLE || !content.complete) return false
  // `"error": null` says that there was none.
  if ((value as { readonly error?: unknown } | null | undefined)?.error) return false
  return expects?.(value, status) ?? true
}

/** What an answer says in JSON: `undefined` for nothing. */
export function saidIn(content: Pick<BoundedBody, 'text'>): unknown {
  if (content.text.trim() === '') return undefined
  try {
    return JSON.parse(content.text) as unknown
  } catch {
    return UNREADABLE
  }
}

/** What `saidIn` returns for a body that is no JSON: equal to nothing that JSON can say. */
export const UNREADABLE: unique symbol = Symbol('no JSON')

/** That the answer is none of the backend's. Says what kind of answer it was, and never repeats it. */
export function notTheBackend(
  { status, content }: Pick<HttpAnswer, 'status' | 'content'>,
  { address }: Pick<HttpFailureOptions, 'address'>,
): AnswerProblem {
  return {
    message: `Something else answered in place of the backend, with ${status} and ${kindOfBody(content)}.`,
    code: 'DRIVER_NOT_THE_BACKEND',
    retryable: true,
    refuses: 'backend',
    hint: `${address} A proxy, a gateway or another API may be in its place.`,
  }
}

function kindOfBody(content: BoundedBody | undefined): string {
  const value = content && saidIn(content)
  if (value === undefined) return 'no body'
  if (value === UNREADABLE) return 'a body that is no JSON'
  return `${Array.isArray(value) ? 'a list' : typeof value === 'object' && value ? 'an object' : 'a value'} in JSON`
}

/**
 * `Retry-After` in milliseconds: seconds or an HTTP date. `undefined` for anything else.
 *
 * @param now Wall time in milliseconds since the epoch, which a date is compared with.
 */
export function retryAfter(header: string | null | undefined, now: () => number = Date.now): number | undefined {
  const text = header?.trim()
  if (!text) return undefined
  if (/^\d{1,9}(?:\.\d{1,3})?$/.test(text)) return Math.ceil(Number(text) * 1000)
  // Without a month's name `Date.parse` makes a year of almost any number.
  const at = /[a-z]{3}/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now())
}
