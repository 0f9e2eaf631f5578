import { problem, type ProblemOptions } from '@msc/core/http-request'

/** The origins of other sites' pages that may post: see `IngestOptions.origins`. */
export type Origins = 'any' | readonly string[]

export function ok(body: object): Response {
  return Response.json(body)
}

export function noContent(): Response {
  return new Response(null, { status: 204 })
}

/** Answers a browser's preflight request. */
export function permission(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': 'POST, OPTIONS',
      'access-control-allow-headers':
        'content-type, content-encoding, authorization, x-sentry-auth, sentry-trace, baggage, traceparent',
      'access-control-max-age': '86400',
    },
  })
}

export function refuse(options: ProblemOptions): Response {
  return problem(options)
}

/**
 * Returns the origin of the page that sent the request, if it is of another origin than this server: `null` if its
 * browser hides it. `undefined` for the application's own pages, and for clients that are no browser.
 */
export function foreignOrigin({ headers, url }: Request): string | undefined {
  const site = headers.get('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return undefined
  const origin = headers.get('origin')
  if (site !== null) return origin ?? 'null'
  if (origin === null || URL.parse(origin)?.host === (headers.get('host') ?? new URL(url).host)) return undefined
  return origin
}

export function isAllowed(origin: string | undefined, origins: Origins): boolean {
  return origin === undefined || origins === 'any' || origins.includes(origin)
}

/**
 * Lets the page of an allowed origin read the response, errors included. Without credentials, so that such a page can't
 * act as the signed-in user.
 */
export function readable(response: Response, origin: string | undefined, origins: Origins): Response {
  const { headers } = response
  if (origins === 'any') headers.set('access-control-allow-origin', '*')
  else {
    headers.append('vary', 'origin')
    if (origin !== undefined && isAllowed(origin, origins)) headers.set('access-control-allow-origin', origin)
  }
  return response
}
