import { ConfigError } from '@msc/core'
import type { Database } from '@msc/platform'
import { passwords } from '../session/passwords.ts'

/** The accounts of a fresh installation on one's own machine. */
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
export async function seed(database: Database): Promise<void> {
  const client = await database.client()
  // As the login role: a fresh installation has rows that no function would make, such as a release that is live.
  const { rows } = await client.query('select 1 from auth.users limit 1')
  if (rows.length > 0) return
  const hashed = []
  for (const user of seededUsers) hashed.push({ ...user, hash: await passwords().hash(user.password) })
  await client.query(SEED, [JSON.stringify(hashed)])
}

/** One statement, so that all of it is there or nothing. */
const SEED = `
with given as (
  select * from jsonb_to_recordset($1::jsonb) as u (id uuid, email text, name text, role text, hash text)
), users as (
  insert into auth.users (id, email, encrypted_password, raw_app_meta_data)
    select id, email, hash, jsonb_build_object('role', role) from given on conflict do nothing returning id
), people as (
  insert into public.profiles (id, email, display_name, role) select given.id, email, name, role from given
    join users using (id) returning id, role
), subscriptions as (
  insert into public.subscriptions (user_id, plan, amount, paid_until)
    select id, 'solo', 990, now() + interval '12 hours' from people where role = 'artist' returning user_id
)
insert into public.releases (user_id, title, artist_name, genre, release_date, lyrics, status)
  select user_id, 'Harbour Lights', 'Ines Valder', 'Indie pop', '2026-09-18',
    E'Harbour lights are calling me home\\nSalt on the window, a voice on the phone', 'live' from subscriptions`

/**
 * Refuses a database in which a seeded account still has the password that everybody can read here: it was begun on somebody's
 * own machine, and is on the internet now.
 *
 * @throws ConfigError `SEEDED_PASSWORD`.
 */
export async function refuseKnownPasswords(database: Database): Promise<void> {
  for (const { email, password } of seededUsers) {
    const [found] = await database.asService((tx) =>
      tx.query<{ hash: string }>('select password_hash as hash from public.credentials($1)', [email]),
    )
    if (!found || !(await passwords().verify(password, found.hash)).matches) continue
    throw new ConfigError(
      `[web] The account ${email} has the password of a fresh installation, which everybody knows.`,
      {
        code: 'SEEDED_PASSWORD',
        hint: 'Sign in in the profile `local` and change it, or begin with a folder or a database of its own (MSC_DATA_DIR, DATABASE_URL).',
      },
    )
  }
}
