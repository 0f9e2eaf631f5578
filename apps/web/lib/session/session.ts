import { createSessions, type Claims, type Sessions, getDefaultDatabase } from '@msc/platform'
import { processSlot } from '@msc/core'
import { SignJWT } from 'jose'
import { profile } from '../profile.ts'
import { jwtSecret } from './secrets.ts'

/** An account, as it is now. */
export interface Account {
  readonly id: string
  readonly email: string
  readonly role: 'artist' | 'admin'
  readonly name: string
}

/** An account, and the session in which it acts. */
export interface User extends Account {
  readonly sessionId: string
}

/** One for all bundles of Next.js and the server in front of it. */
export function sessions(): Sessions<Account> {
  return processSlot('web/sessions', () =>
    createSessions<Account>({
      database: getDefaultDatabase(),
      secure: profile().secure,
      async loadUser(tx, userId) {
        const [account] = await tx.query<Account>(
          'select id, email, role, display_name as name from profiles where id = $1',
          [userId],
        )
        return account
      },
    }),
  )
}

/** Returns who sent a request, by its `Cookie` header. Pages, routes and the gate in front of them use this one rule. */
export async function userOf(cookieHeader: string | null | undefined): Promise<User | undefined> {
  const headers = { get: (name: string) => (name.toLowerCase() === 'cookie' ? (cookieHeader ?? null) : null) }
  const verified = await sessions().verify({ headers })
  return verified && { ...verified.user, sessionId: verified.sessionId }
}

/**
 * Refuses at once what the database has just ended by itself, of which this process would hear a moment later. Its failure is
 * only reported: what was changed is changed, and the sessions have ended.
 */
export async function forgetSessions(userId: string, except?: string): Promise<void> {
  await sessions()
    .endAll(userId, { reason: 'user-changed', ...(except !== undefined && { except }) })
    .catch((error: unknown) => console.warn('Sessions that have ended are refused a moment later.', error))
}

/** Whom the database acts for: their rows, and only while their session lives. */
export function claimsOf({ id, email, sessionId }: User): Claims {
  return { sub: id, role: 'authenticated', email, session_id: sessionId }
}

/** How long a browser's realtime token lives, in seconds. The client asks for a new one before each join. */
export const REALTIME_TTL = 600

/**
 * Returns a token for realtime alone, in Supabase's form, so that the same policies read it everywhere. It ends with the session:
 * the server and the policies ask for that. A session is no JWT, so that neither is taken for the other.
 */
export function signRealtimeToken({ id, email, sessionId }: User, now: number = Date.now()): Promise<string> {
  const issuedAt = Math.floor(now / 1000)
  return new SignJWT({ role: 'authenticated', email, session_id: sessionId })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('msc-web')
    .setAudience('authenticated')
    .setSubject(id)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + REALTIME_TTL)
    .sign(new TextEncoder().encode(jwtSecret()))
}
