import type { PGlite } from '@electric-sql/pglite'
import { hashPassword } from '../session/password.ts'

/** The accounts of a fresh installation; only the embedded database has them. */
export const seededUsers = [
  {
    id: '11111111-1111-4111-8111-111111111111',
    email: 'artist@msc.example',
    name: 'Ines Valder',
    role: 'artist',
    password: 'night-drive',
  },
  {
    id: '22222222-2222-4222-8222-222222222222',
    email: 'admin@msc.example',
    name: 'Platform team',
    role: 'admin',
    password: 'control-room',
  },
] as const

/** Adds the accounts, a subscription and a release once, and keeps what a person has changed since. */
export async function seed(db: PGlite): Promise<void> {
  const { rows } = await db.query<{ count: number }>('select count(*)::int as count from auth.users')
  if ((rows[0]?.count ?? 0) > 0) return
  const users = await Promise.all(
    seededUsers.map(async (user) => ({ ...user, hash: await hashPassword(user.password) })),
  )
  await db.transaction(async (tx) => {
    for (const user of users) {
      await tx.query(
        'insert into auth.users (id, email, encrypted_password, raw_app_meta_data) values ($1, $2, $3, $4)',
        [user.id, user.email, user.hash, { role: user.role }],
      )
      await tx.query('insert into public.profiles (id, email, display_name, role) values ($1, $2, $3, $4)', [
        user.id,
        user.email,
        user.name,
        user.role,
      ])
    }
    await tx.query(
      `insert into public.subscriptions (user_id, plan, amount, paid_until)
       values ($1, 'solo', 990, now() + interval '12 hours')`,
      [seededUsers[0].id],
    )
    await tx.query(
      `insert into public.releases (user_id, title, artist_name, genre, release_date, lyrics, status)
       values ($1, 'Harbour Lights', 'Ines Valder', 'Indie pop', '2026-09-18', $2, 'live')`,
      [seededUsers[0].id, 'Harbour lights are calling me home\nSalt on the window, a voice on the phone'],
    )
  })
}
