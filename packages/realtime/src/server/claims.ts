import { errors, jwtVerify } from 'jose'

/** What a token says, verified. */
export interface Claims {
  readonly sub?: string
  readonly role: string
  /** Seconds since the epoch. */
  readonly exp: number
  readonly [claim: string]: unknown
}

export type TokenResult = { readonly claims: Claims } | { readonly error: string }

/** Verifies an HS256 token as Supabase Realtime does: signature, expiry, and the claims `role` and `exp`. */
export async function verifyToken(token: string, secret: string): Promise<TokenResult> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), { algorithms: ['HS256'] })
    if (typeof payload['role'] !== 'string' || typeof payload.exp !== 'number') {
      return { error: 'Fields `role` and `exp` are required in JWT' }
    }
    return { claims: { ...payload, role: payload['role'], exp: payload.exp } }
  } catch (error) {
    if (error instanceof errors.JWTExpired) return { error: 'Token has expired' }
    if (error instanceof errors.JOSEError) return { error: 'The token provided is not a valid JWT' }
    throw error
  }
}
