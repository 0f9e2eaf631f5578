import { problem, type ProblemOptions } from '@msc/core/http-request'

/**
 * Lets a page of another origin post here and read the response, errors included. Without credentials, so that such a
 * page can't act as the signed-in user.
 */
const CORS: Readonly<Record<string, string>> = { 'access-control-allow-origin': '*' }

export function ok(body: object): Response {
  return Response.json(body, { headers: CORS })
}

export function noContent(): Response {
  return new Response(null, { status: 204, headers: CORS })
}

/** Answers a browser's preflight request. */
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

/** Returns a problem document that a page of another origin can read too. */
export function refuse(options: ProblemOptions): Response {
  return problem({ ...options, headers: { ...CORS, ...options.headers } })
}
