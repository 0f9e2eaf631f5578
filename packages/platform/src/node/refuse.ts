import type { IncomingMessage, ServerResponse } from 'node:http'

interface Refusal {
  readonly status: number
  readonly title: string
  readonly code: string
  /** For a program, and for a person. */
  readonly detail: readonly [string, string]
  readonly headers?: Readonly<Record<string, string>>
}

/** Answers 429 with `Retry-After`. */
export function refuse(request: IncomingMessage, response: ServerResponse, retryAfterMs: number): void {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000))
  answer(request, response, {
    status: 429,
    title: 'Too many requests',
    code: 'RATE_LIMITED',
    detail: [
      `Try again in ${seconds} s.`,
      `Wait ${seconds} ${seconds === 1 ? 'second' : 'seconds'}, then load this page again.`,
    ],
    headers: { 'retry-after': String(seconds) },
  })
}

/** Answers 400. */
export function refuseForm(request: IncomingMessage, response: ServerResponse): void {
  answer(request, response, {
    status: 400,
    title: 'The address is not in its plain form',
    code: 'ADDRESS_INVALID',
    detail: [
      'Send a path without dot segments, backslashes and control characters.',
      'Correct it, or begin at the start page.',
    ],
  })
}

/** Answers 414. */
export function refuseParameters(request: IncomingMessage, response: ServerResponse, most: number): void {
  answer(request, response, {
    status: 414,
    title: 'The address has too many parameters',
    code: 'ADDRESS_TOO_LONG',
    detail: [`It may have ${most}.`, 'Leave out what stands behind the question mark.'],
  })
}

/**
 * Answers with a problem document (RFC 9457), or with a page without scripts or styles for a browser that navigates. What is
 * left of the request is not read.
 */
function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, title, code, detail: [detail, words], headers }: Refusal,
): void {
  const navigates =
    request.headers['sec-fetch-mode'] === 'navigate' || /^text\/html\b/.test(request.headers.accept ?? '')
  const [type, body] = navigates
    ? ['text/html; charset=utf-8', page(title, words)]
    : ['application/problem+json', JSON.stringify({ type: 'about:blank', title, status, code, detail })]
  const hasBody =
    Number(request.headers['content-length'] ?? 0) > 0 || request.headers['transfer-encoding'] !== undefined
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    // The rest of the body would have to be read before the connection could carry another request.
    ...(hasBody && { connection: 'close' }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function page(title: string, words: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><main><h1>${title}</h1><p>${words}</p></main></html>`
}
