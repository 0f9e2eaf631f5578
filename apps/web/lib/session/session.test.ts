import { SignJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { hashPassword, verifyPassword } from './password.ts'
import { SESSION_TTL, sessionToken, signToken, verifySession, type User } from './session.ts'

const user: User = { id: '1', email: 'a@b.example', role: 'artist', name: 'A' }
const secret = 'a-secret-for-this-test-that-is-long-enough'
beforeAll(() => {
  process.env['SUPABASE_JWT_SECRET'] = secret
})

describe('a session token', () => {
  it('contains the user', async () => {
    expect(await verifySession(await signToken(user, 'session'))).toEqual(user)
  })
  it('is refused when it is expired, altered, signed with another key, unsigned, or made for realtime', async () => {
    const token = await signToken(user, 'session')
    expect(await verifySession(token, Date.now() + (SESSION_TTL + 1) * 1000)).toBeUndefined()
    const [head, body] = token.split('.')
    const forged = Buffer.from(
      JSON.stringify({
        ...JSON.parse(Buffer.from(body as string, 'base64url').toString()),
        app_metadata: { role: 'admin' },
      }),
    ).toString('base64url')
    expect(await verifySession(`${head}.${forged}.${token.split('.')[2]}`)).toBeUndefined()
    const other = await new SignJWT({ role: 'authenticated', use: 'session', app_metadata: { role: 'admin' } })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('1')
      .setIssuer('msc-web')
      .setAudience('authenticated')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode('another-secret-that-is-just-as-long-as-ours'))
    expect(await verifySession(other)).toBeUndefined()
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`
    expect(await verifySession(none)).toBeUndefined()
    expect(await verifySession(await signToken(user, 'realtime'))).toBeUndefined()
    expect(await verifySession('garbage')).toBeUndefined()
    expect(await verifySession(undefined)).toBeUndefined()
  })
  it('is found among other cookies', () => {
    const request = new Request('http://x', { headers: { cookie: 'a=b; msc-session=ey.a.b==; c=d' } })
    expect(sessionToken(request)).toBe('ey.a.b==')
  })
})

describe('a password', () => {
  it('is verified only against its own hash', async () => {
    const hash = await hashPassword('night-drive')
    expect(hash).not.toContain('night-drive')
    expect(await verifyPassword('night-drive', hash)).toBe(true)
    expect(await verifyPassword('Night-drive', hash)).toBe(false)
    expect(await verifyPassword('night-drive', undefined)).toBe(false)
    expect(await verifyPassword('night-drive', 'plain')).toBe(false)
  })
})
