import { problem, type ProblemOptions } from '@msc/core/http-request'

/**
 * What a page of another origin needs in order to post here and to read what became of it, errors included. Without
 * credentials: such a page speaks for nobody.
 */
const CORS: Readonly<Record<string, string>> = { 'access-control-allow-origin': '*' }

export function ok(body: object): Response {
  return Response.json(body, { headers: CORS })
}

export function noContent(): Response {
  return new Response(null, { status: 204, headers: CORS })
}

/** The answer to a browser that asks for permission first. */
export function permission(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...CORS,
      'access-control-allow-methods': 'POST, OPTIONS',
      'access-control-allow-headers':
        'content-type, content-encoding, authorization, x-sentry-auth, sentry-trace, baggage, traceparent',
      'access-control-max-age': '86400',
    },
  })
}

/** A problem that a page of another origin can read too. */
export function refuse(options: ProblemOptions): Response {
  return problem({ ...options, headers: { ...CORS, ...options.headers } })
}
