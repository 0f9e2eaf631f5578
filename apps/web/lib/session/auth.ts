import { setUser } from '@msc/monitoring'
import { localPath, type Transaction } from '@msc/platform'
import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { cache as perRequest } from 'react'
import { asService } from '../db/database.ts'
import type { PasswordOptions } from '@msc/platform/node'
import { passwords } from './passwords.ts'
import { userOf, type User } from './session.ts'

/** Returns the signed-in user, in a server component. */
export const currentUser = perRequest(async (): Promise<User | undefined> => {
  const user = await userOf((await headers()).get('cookie'))
  // An error on this page is then reported with its user.
  if (user) setUser({ id: user.id })
  return user
})

/** Returns the signed-in user, and sends everybody else to the sign-in page, from which they come back to this one. */
export async function requireUser(): Promise<User> {
  const user = await currentUser()
  if (user) return user
  // Set by the proxy.
  const path = localPath((await headers()).get('x-msc-path'))
  redirect(path === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(path)}`)
}

/** Returns the signed-in admin. To everybody else who has signed in the page does not exist: show `Missing`. */
export async function currentAdmin(): Promise<User | undefined> {
  const user = await requireUser()
  return user.role === 'admin' ? user : undefined
}

/** An account whose password was given, with the hash that it was compared with. */
export interface Credentials {
  readonly id: string
  readonly hash: string
}

/**
 * Returns the account that has this password. A hash with older parameters is replaced by a new one.
 *
 * @throws MscError `PASSWORDS_BUSY` while too many passwords are being compared.
 */
export async function checkPassword(
  email: string,
  password: string,
  options: PasswordOptions,
): Promise<Credentials | undefined> {
  const [found] = await asService((tx) =>
    tx.query<Credentials>('select id, password_hash as hash from public.credentials($1)', [email]),
  )
  const { matches, outdated } = await passwords().verify(password, found?.hash, options)
  if (!matches || !found) return undefined
  return outdated ? { id: found.id, hash: await setPassword(found.id, password, found.hash) } : found
}

/**
 * Returns the new hash.
 *
 * @param before Replaces only this hash: two changes at once must not undo each other.
 */
async function setPassword(userId: string, password: string, before?: string): Promise<string> {
  const hash = await passwords().hash(password)
  await asService((tx) => tx.query('select public.set_password($1, $2, $3)', [userId, hash, before ?? null]))
  return hash
}

/**
 * Gives a signed-in person a new password in place of the one that was checked, and ends all their other sessions, at once or not
 * at all. Returns false when the password or the session has ended meanwhile.
 */
export async function changePassword(user: User, before: Credentials, password: string): Promise<boolean> {
  const hash = await passwords().hash(password, { preferred: true, client: user.id })
  const [row] = await asService((tx) =>
    tx.query<{ changed: boolean }>('select public.change_password($1, $2, $3, $4) as changed', [
      user.id,
      before.hash,
      hash,
      user.sessionId,
    ]),
  )
  return row?.changed === true
}

/** Says whether the password is the same still, and keeps it from being changed until the transaction ends. */
export async function stillHas(tx: Transaction, { id, hash }: Credentials): Promise<boolean> {
  const [row] = await tx.query<{ same: boolean }>('select public.hold_credentials($1, $2) as same', [id, hash])
  return row?.same === true
}
