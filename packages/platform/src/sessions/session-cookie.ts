import { assertChoice, assertOptions } from '@msc/core'
import { isSessionToken } from './session-token.ts'

export interface SessionCookieOptions {
  /** False only where pages are served without TLS, as on a developer's machine. Default true. */
  readonly secure?: boolean | undefined
}

/**
 * Returns the name of the session's cookie. A browser takes a `__Host-` cookie only over TLS, for this host and every
 * path, so that neither another subdomain nor a page without TLS can set one in its place.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpbis-rfc6265bis-20.html, section 4.1.3.2.
 *
 * @throws ConfigError `OPTION_INVALID` unless `secure` is true or false.
 */
export function sessionCookieName(options: SessionCookieOptions = {}): string {
  assertOptions('sessions', options)
  const { secure = true } = options
  assertChoice('sessions', 'secure', secure, [true, false])
  return secure ? '__Host-msc-session' : 'msc-session'
}

/**
 * Returns the session token of a `Cookie` header; `undefined` without one, and also when the header carries two different
 * values under the name or anything that is no token. Somebody else may then have added a cookie, and choosing one of them
 * would be a guess. Use this function in pages too, instead of a framework's own parser, so that a page and an endpoint
 * never see different users.
 *
 * @example
 * sessionTokenOf((await headers()).get('cookie')) // in a server component of Next.js
 */
export function sessionTokenOf(
  cookieHeader: string | null | undefined,
  options?: SessionCookieOptions,
): string | undefined {
  const wanted = sessionCookieName(options)
  let token: string | undefined
  for (const part of (cookieHeader ?? '').split(';')) {
    const separator = part.indexOf('=')
    if (separator === -1 || part.slice(0, separator).trim() !== wanted) continue
    const value = part.slice(separator + 1).trim()
    if (!isSessionToken(value) || (token !== undefined && token !== value)) return undefined
    token = value
  }
  return token
}

/** Returns the value of `Set-Cookie` that makes a browser send `token` for `maxAgeSeconds`. */
export function sessionCookie(token: string, maxAgeSeconds: number, { secure = true }: SessionCookieOptions): string {
  const name = sessionCookieName({ secure })
  return `${name}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${Math.floor(maxAgeSeconds)}${secure ? '; Secure' : ''}`
}
