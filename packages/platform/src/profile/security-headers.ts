import { ConfigError, assertChoice, assertList, assertOptions } from '@msc/core'

export interface SecurityHeaderOptions {
  /** Whether the application is reached by HTTPS; `profileFromEnv().secure`. */
  readonly secure: boolean
}

/** Two years, which is what browsers' preload lists ask for (https://hstspreload.org). */
const HSTS = 'max-age=63072000; includeSubDomains'

/**
 * Returns the headers that every answer of a server has, whatever it is: pages, JSON, streams and errors. With `secure` also
 * `Strict-Transport-Security`, which would lock a browser out of a local server without HTTPS.
 *
 * @throws ConfigError `OPTION_INVALID` unless `secure` is true or false.
 */
export function securityHeaders(options: SecurityHeaderOptions): Record<string, string> {
  assertOptions('platform', options)
  const { secure } = options
  assertChoice('platform', 'secure', secure, [true, false])
  return {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=()',
    'cross-origin-opener-policy': 'same-origin',
    ...(secure && { 'strict-transport-security': HSTS }),
  }
}

export interface PagePolicyOptions {
  /** Made for each answer by {@link newNonce}. */
  readonly nonce: string
  /**
   * Addresses that the page's scripts talk to beside its own: `https://eu.posthog.example`, `wss://…`. Only their origins count;
   * what is no address is left out.
   */
  readonly connect?: readonly (string | undefined)[]
  /** True where pages are reloaded while they are edited, which evaluates text as code. Default false. */
  readonly development?: boolean
}

/**
 * Returns the Content-Security-Policy of a page: its own files, and scripts with the nonce of this answer and what those load.
 * No inline script or style without it, no plugins, no frames, no other base, no form to elsewhere.
 *
 * Source: https://www.w3.org/TR/CSP3/, and for `strict-dynamic` https://web.dev/articles/strict-csp
 *
 * @throws ConfigError `OPTION_INVALID`, also for a nonce that a policy can not carry.
 */
export function pagePolicy(options: PagePolicyOptions): string {
  assertOptions('platform', options)
  const { nonce, connect = [], development = false } = options
  if (typeof nonce !== 'string' || !NONCE.test(nonce)) throw nonceInvalid()
  assertList('platform', 'connect', connect)
  assertChoice('platform', 'development', development, [true, false])
  const origins = [...new Set(connect.flatMap((address) => originsOf(address)))]
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development ? " 'unsafe-eval'" : ''}`,
    // Hot reload adds style elements without a nonce.
    `style-src 'self' ${development ? "'unsafe-inline'" : `'nonce-${nonce}'`}`,
    "img-src 'self' data: blob:",
    "font-src 'self'",
    ["connect-src 'self'", ...origins].join(' '),
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** What another sign would end: the nonce, and so the policy. Source: https://www.w3.org/TR/CSP3/#grammardef-base64-value */
const NONCE = /^[A-Za-z\d+/_-]+={0,2}$/

function nonceInvalid(): ConfigError {
  return new ConfigError('[msc/platform] `nonce` is no text that a policy can carry.', {
    code: 'OPTION_INVALID',
    hint: 'Pass what `newNonce` returns, a new one for each answer.',
  })
}

/** Returns 128 random bits, as text that a policy can carry. */
export function newNonce(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))
}

/** A realtime service is reached by WebSocket under the address that it has for HTTP. */
const SOCKET: Readonly<Record<string, string>> = { 'http:': 'ws:', 'https:': 'wss:' }

function originsOf(address: string | undefined): string[] {
  const url = address === undefined ? null : URL.parse(address)
  if (!url || !url.host) return []
  const socket = SOCKET[url.protocol]
  return [`${url.protocol}//${url.host}`, ...(socket ? [`${socket}//${url.host}`] : [])]
}
