import { SignJWT } from 'jose'

/** A token as Supabase Auth issues it. `expiresIn` in seconds, may be negative. */
export function signTestToken(
  secret: string,
  claims: { readonly sub?: string; readonly role?: string; readonly session_id?: string },
  expiresIn = 3600,
): Promise<string> {
  const { sub, role = 'authenticated', ...rest } = claims
  const token = new SignJWT({ role, ...rest }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
  if (sub !== undefined) token.setSubject(sub)
  return token.setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn).sign(new TextEncoder().encode(secret))
}
