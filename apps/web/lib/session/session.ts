import { SignJWT, errors, jwtVerify } from 'jose'
import { jwtSecret } from './secrets.ts'

export const SESSION_COOKIE = 'msc-session'
/** In seconds. */
export const SESSION_TTL = 12 * 3600
/** How long a browser's realtime token lives, in seconds. The client asks for a new one before each join. */
export const REALTIME_TTL = 600

export interface User {
  readonly id: string
  readonly email: string
  readonly role: 'artist' | 'admin'
  readonly name: string
}

const ISSUER = 'msc-web'
const key = (): Uint8Array => new TextEncoder().encode(jwtSecret())

/** Returns an access token in Supabase's form, so that the same policies read it everywhere. */
export function signToken(user: User, use: 'session' | 'realtime', now: number = Date.now()): Promise<string> {
  const issuedAt = Math.floor(now / 1000)
  return new SignJWT({
    role: 'authenticated',
    email: user.email,
    app_metadata: { role: user.role },
    user_metadata: { name: user.name },
    use,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(ISSUER)
    .setAudience('authenticated')
    .setSubject(user.id)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + (use === 'session' ? SESSION_TTL : REALTIME_TTL))
    .sign(key())
}

/**
 * Returns the user of a session token; `undefined` for one that is missing, forged, expired or made for another use.
 */
export async function verifySession(token: string | undefined, now: number = Date.now()): Promise<User | undefined> {
  if (!token) return undefined
  try {
    const { payload } = await jwtVerify(token, key(), {
      algorithms: ['HS256'],
      issuer: ISSUER,
      audience: 'authenticated',
      currentDate: new Date(now),
      requiredClaims: ['sub', 'exp'],
    })
    const role = (payload['app_metadata'] as { role?: unknown } | undefined)?.role
    const name = (payload['user_metadata'] as { name?: unknown } | undefined)?.name
    if (payload['use'] !== 'session' || (role !== 'artist' && role !== 'admin')) return undefined
    return { id: String(payload.sub), email: String(payload['email']), role, name: String(name) }
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

export function sessionCookie(token: string, secure: boolean): string {
  return `${SESSION_COOKIE}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${SESSION_TTL}${secure ? '; Secure' : ''}`
}

export const clearedCookie = `${SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`

/** Returns the session cookie's value of a request. */
export function sessionToken(request: Request): string | undefined {
  const header = request.headers.get('cookie') ?? ''
  for (const part of header.split(';')) {
    const [name, ...value] = part.trim().split('=')
    if (name === SESSION_COOKIE) return value.join('=')
  }
  return undefined
}
