import type { IncomingMessage } from 'node:http'

/**
 * Brings the address of a request into its plain form, and returns the decoded path that every router behind finds in it. One with
 * the name of a host becomes the path alone, as RFC 9112 (3.2.2) asks of a server.
 *
 * Returns undefined for what routers read differently, and no browser sends: dot segments (also encoded, once or twice), backslashes,
 * control characters, a fragment, broken encoding, and what is no path at all. A rule for `/api` must not decide of
 * `/api/../sign-in`.
 */
export function plainPath(request: IncomingMessage): string | undefined {
  const absolute = /^https?:\/\//i.test(request.url ?? '') ? URL.parse(request.url as string) : undefined
  if (absolute) {
    request.headers.host = absolute.host
    // Only what stands behind the host: the rest is left as it was sent.
    request.url = (request.url as string).replace(/^https?:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/')
  }
  // Two slashes at the beginning are the beginning of a host for whoever reads it as an address.
  request.url = request.url?.replace(/^\/{2,}/, '/')
  const { url = '' } = request
  if (!url.startsWith('/') || url.includes('#')) return undefined
  const path = decoded(url.split('?', 1)[0] ?? '')
  if (path === undefined || isOdd(path) || isOdd(decoded(path) ?? '')) return undefined
  return path.replaceAll(/\/{2,}/g, '/')
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function isOdd(path: string): boolean {
  return /[\\\p{Cc}]|(?:^|\/)\.{1,2}(?:\/|$)/u.test(path)
}
