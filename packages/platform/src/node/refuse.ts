import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Answers 429 with `Retry-After`: a problem document (RFC 9457), or a page without scripts or styles for a browser that
 * navigates. What is left of the request is not read.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, retryAfterMs: number): void {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000))
  const navigates =
    request.headers['sec-fetch-mode'] === 'navigate' || /^text\/html\b/.test(request.headers.accept ?? '')
  const [type, body] = navigates
    ? ['text/html; charset=utf-8', page(seconds)]
    : [
        'application/problem+json',
        JSON.stringify({
          type: 'about:blank',
          title: 'Too many requests',
          status: 429,
          code: 'RATE_LIMITED',
          detail: `Try again in ${seconds} s.`,
        }),
      ]
  const hasBody =
    Number(request.headers['content-length'] ?? 0) > 0 || request.headers['transfer-encoding'] !== undefined
  response.writeHead(429, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'retry-after': String(seconds),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // The rest of the body would have to be read before the connection could carry another request.
    ...(hasBody && { connection: 'close' }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function page(seconds: number): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Too many requests</title><main><h1>Too many requests</h1><p>Wait ${seconds} ${seconds === 1 ? 'second' : 'seconds'}, then load this page again.</p></main></html>`
}
