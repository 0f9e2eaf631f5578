import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { PostgresClient, PostgresPool } from '@msc/core/postgres'
import { startPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'
import { realtimeSchema } from '../server/policies/schema.ts'
import type { PolicyClient } from '../server/policies/policies.ts'
import { feedMigration } from '../feed/sql.ts'

export interface TestDatabase {
  readonly name: string
  readonly client: PostgresClient & PolicyClient
  /** Several connections of their own, where there can be several. */
  readonly pool: pg.Pool | undefined
  exec(sql: string): Promise<unknown>
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
  close(): Promise<void>
}

const ITEMS = 'create table items (id bigint generated always as identity primary key, owner text, n int, note text)'

export const itemsFeed: string = feedMigration([{ table: 'items', owner: 'owner' }])

async function prepared(database: TestDatabase): Promise<TestDatabase> {
  await database.exec(realtimeSchema())
  await database.exec(ITEMS)
  await database.exec(itemsFeed)
  return database
}

/**
 * A PGlite of its own. Where many are made, the environment variable `MSC_POSTGRES_TEMPLATE` names a folder in which the first one
 * leaves its files to the others, who load them in half the time.
 */
export async function openPglite(): Promise<TestDatabase> {
  const folder = process.env['MSC_POSTGRES_TEMPLATE']
  if (!folder) return prepared(pgliteDatabase(await PGlite.create('memory://')))
  const hash = createHash('sha256').update(realtimeSchema()).update(ITEMS).update(itemsFeed).digest('hex')
  const path = join(folder, `pglite-${hash.slice(0, 16)}.tar`)
  if (!existsSync(path)) await leaveFiles(path)
  return pgliteDatabase(await PGlite.create({ loadDataDir: new Blob([readFileSync(path)]) }))
}

/** Whole or not at all. */
async function leaveFiles(path: string): Promise<void> {
  const db = await PGlite.create('memory://')
  await prepared(pgliteDatabase(db))
  const own = `${path}.${process.pid}`
  writeFileSync(own, Buffer.from(await (await db.dumpDataDir('none')).arrayBuffer()))
  renameSync(own, path)
  await db.close()
}

const pgliteDatabase = (db: PGlite): TestDatabase => ({
  name: 'pglite',
  client: db,
  pool: undefined,
  exec: (sql) => db.exec(sql),
  query: async <Row>(text: string, values?: unknown[]) => (await db.query<Row>(text, values)).rows,
  close: () => db.close(),
})

async function openPostgres(): Promise<TestDatabase> {
  const server = await startPostgres()
  const pool = new pg.Pool({ connectionString: server.url, max: 10 })
  pool.on('error', () => undefined)
  return prepared({
    name: 'postgres',
    client: pool as unknown as PostgresClient & PostgresPool,
    pool,
    exec: (sql) => pool.query(sql),
    query: async <Row>(text: string, values?: unknown[]) => (await pool.query(text, values)).rows as Row[],
    async close() {
      await pool.end()
      await server.close()
    },
  })
}

/** Both, but for the one that is not here. */
export const databases: readonly (() => Promise<TestDatabase>)[] = process.env['MSC_SKIP_POSTGRES']
  ? [openPglite]
  : [openPglite, openPostgres]
