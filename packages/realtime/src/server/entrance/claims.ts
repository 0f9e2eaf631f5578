import { errors, jwtVerify } from 'jose'

/** What a token says, verified. */
export interface Claims {
  readonly sub?: string
  readonly role: string
  /** Seconds since the epoch. */
  readonly exp: number
  readonly [claim: string]: unknown
}

/** In Supabase's words. */
export const TOKEN_EXPIRED = 'Token has expired'

export type TokenResult = { readonly claims: Claims } | { readonly error: string }

/**
 * What limits, policies, liveness and `disconnect` know a client by. They compare text: a number would be nobody for the one and
 * somebody for SQL, which writes it as text.
 */
const NAMES = ['sub', 'session_id'] as const

/** Imported once: a server has one secret, and as bytes it would be imported anew for each token. */
const keys = new Map<string, Promise<CryptoKey>>()
function keyOf(secret: string): Promise<CryptoKey> {
  const known = keys.get(secret)
  if (known) return known
  const bytes = new TextEncoder().encode(secret)
  const key = crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
  keys.set(secret, key)
  return key
}

/**
 * Verifies an HS256 token as Supabase Realtime does: signature, expiry, and the claims `role` and `exp`. Stricter than that, it
 * refuses a `sub` and a `session_id` that are there and no text, or empty.
 */
export async function verifyToken(token: string, secret: string): Promise<TokenResult> {
  try {
    const { payload } = await jwtVerify(token, await keyOf(secret), { algorithms: ['HS256'] })
    if (typeof payload['role'] !== 'string' || typeof payload.exp !== 'number') {
      return { error: 'Fields `role` and `exp` are required in JWT' }
    }
    const odd = NAMES.find(
      (name) => payload[name] !== undefined && (typeof payload[name] !== 'string' || !payload[name]),
    )
    if (odd !== undefined) return { error: `Field \`${odd}\` must be text in JWT` }
    return { claims: { ...payload, role: payload['role'], exp: payload.exp } }
  } catch (error) {
    if (error instanceof errors.JWTExpired) return { error: TOKEN_EXPIRED }
    if (error instanceof errors.JOSEError) return { error: 'The token provided is not a valid JWT' }
    throw error
  }
}
