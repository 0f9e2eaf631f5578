import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PGlite, Transaction } from '@electric-sql/pglite'
import { dataDir } from '../env.ts'
import { migrate } from './migrate.ts'
import { seed } from './seed.ts'

/** The claims that row level security reads, shaped as in a Supabase access token. */
export interface Claims {
  readonly sub: string
  readonly role: 'authenticated' | 'service_role' | 'anon'
  readonly email?: string
  readonly app_metadata?: { readonly role?: string }
}

export interface Tx {
  query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]>
}

const KEY = Symbol.for('msc.web.database')

/**
 * Returns the embedded database, opened, migrated and seeded on first use. There is one per process, since PGlite
 * allows only one.
 */
export function database(): Promise<PGlite> {
  const globals = globalThis as { [KEY]?: Promise<PGlite> | undefined }
  return (globals[KEY] ??= open(join(dataDir(), 'pg')).catch((error: unknown) => {
    globals[KEY] = undefined
    throw error
  }))
}

export async function closeDatabase(): Promise<void> {
  const globals = globalThis as { [KEY]?: Promise<PGlite> | undefined }
  const opened = globals[KEY]
  globals[KEY] = undefined
  await (await opened)?.close()
}

/** Opens a migrated and seeded database in `folder`, or in memory without one. */
export async function open(folder?: string): Promise<PGlite> {
  const { PGlite } = await import('@electric-sql/pglite')
  if (folder) await mkdir(folder, { recursive: true })
  const db = await PGlite.create(folder ?? 'memory://')
  await migrate(db)
  await seed(db)
  return db
}

/** Runs `work` in a transaction as the user of `claims`: row level security decides what it can read and change. */
export async function asUser<T>(claims: Claims, work: (tx: Tx) => Promise<T>, on?: PGlite): Promise<T> {
  const db = on ?? (await database())
  return db.transaction(async (tx) => {
    await become(tx, claims)
    return work(wrap(tx))
  })
}

/**
 * Runs `work` in a transaction that bypasses row level security: for jobs and other code that acts for the platform.
 */
export async function asService<T>(work: (tx: Tx) => Promise<T>, on?: PGlite): Promise<T> {
  return asUser({ sub: '00000000-0000-0000-0000-000000000000', role: 'service_role' }, work, on)
}

/** Sets the role for this transaction only: a bare SET ROLE would leak to every later query of the one connection. */
async function become(tx: Transaction, claims: Claims): Promise<void> {
  await tx.query(`select set_config('request.jwt.claims', $1, true), set_config('role', $2, true)`, [
    JSON.stringify(claims),
    claims.role,
  ])
}

function wrap(tx: Transaction): Tx {
  return {
    async query<Row>(sql: string, params: readonly unknown[] = []) {
      return (await tx.query<Row>(sql, [...params])).rows
    },
  }
}
