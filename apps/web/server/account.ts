// Adds an account: npm run account -- add --email you@example.com --role admin [--name "You"]. The password is read from the
// standard input, or made up and printed where that is a terminal.
import { randomBytes } from 'node:crypto'
import { text as allOf } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { MscError } from '@msc/core'
import { getDefaultDatabase, isVisible } from '@msc/platform'
import { ownFolder } from '@msc/platform/node'
import { z } from 'zod'
import { openDatabase } from '../lib/db/database.ts'
import { dataDir } from '../lib/env.ts'
import { profile } from '../lib/profile.ts'
import { name, text } from '../lib/forms/schemas.ts'
import { passwords } from '../lib/session/passwords.ts'
import { refuseToStart } from './refuse-to-start.ts'

const USAGE = 'Usage: npm run account -- add --email you@example.com --role artist|admin [--name "You"] [< password]'

const given = z.object({
  email: z.email().max(254),
  role: z.enum(['artist', 'admin']),
  name: name.max(200, 'A name has at most 200 characters').refine(isVisible, 'Say the name'),
  password: text
    .min(10, 'A password has at least 10 characters')
    .max(200, 'A password has at most 200 characters')
    .refine(isVisible, 'A password is made of more than what nobody can see'),
})

await main().catch(refuseToStart)

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { email: { type: 'string' }, role: { type: 'string' }, name: { type: 'string' } },
  })
  if (positionals[0] !== 'add') return fail(USAGE)
  const made = process.stdin.isTTY ? randomBytes(12).toString('base64url') : undefined
  const password = made ?? (await allOf(process.stdin)).replace(/\r?\n$/, '')
  const account = given.safeParse({ name: values.email?.split('@')[0], ...values, password })
  if (!account.success) return fail(`${account.error.issues.map(({ message }) => message).join('. ')}.\n${USAGE}`)
  const owned = usesFolder() ? ownFolder(dataDir()) : undefined
  const database = await openDatabase(profile())
  const { email, name, role } = account.data
  try {
    const hash = await passwords().hash(password)
    await database.asService((tx) =>
      tx.query('select public.create_account($1, $2, $3, $4)', [email, hash, name, role]),
    )
    console.log(`Added ${email} as ${role}.${made ? ` The password is ${made}` : ''}`)
  } catch (error) {
    if (MscError.isInstance(error) && error.code === 'DATABASE_CONFLICT') return fail(`There is an account ${email}.`)
    throw error
  } finally {
    await passwords().close()
    await database.close()
    owned?.release()
  }
}

/** Only the embedded database is in the data folder, which a running app owns. */
function usesFolder(): boolean {
  return getDefaultDatabase().driverName === 'pglite'
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
