import { setUser } from '@msc/monitoring'
import { cookies } from 'next/headers'
import { redirect } from 'next/navigation'
import { cache as perRequest } from 'react'
import { database } from '../db/database.ts'
import { verifyPassword } from './password.ts'
import { SESSION_COOKIE, verifySession, type User } from './session.ts'

/** Returns the signed-in user, in a server component. */
export const currentUser = perRequest(async (): Promise<User | undefined> => {
  const user = await verifySession((await cookies()).get(SESSION_COOKIE)?.value)
  // An error on this page is then reported with its user.
  if (user) setUser({ id: user.id })
  return user
})

/** Returns the signed-in user, and redirects everybody else to the sign-in page. */
export async function requireUser(): Promise<User> {
  return (await currentUser()) ?? redirect('/sign-in')
}

export async function signIn(email: string, password: string): Promise<User | undefined> {
  const db = await database()
  const { rows } = await db.query<{ id: string; email: string; hash: string; role: 'artist' | 'admin'; name: string }>(
    `select u.id, u.email, u.encrypted_password as hash, p.role, p.display_name as name
     from auth.users u join public.profiles p on p.id = u.id where lower(u.email) = lower($1)`,
    [email],
  )
  const found = rows[0]
  if (!(await verifyPassword(password, found?.hash)) || !found) return undefined
  return { id: found.id, email: found.email, role: found.role, name: found.name }
}
