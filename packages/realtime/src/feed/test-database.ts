import { PGlite } from '@electric-sql/pglite'
import { startPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'
import type { PostgresClient } from './postgres.ts'
import { feedMigration } from './sql.ts'

export interface TestDatabase {
  readonly name: string
  readonly client: PostgresClient
  /** Several connections of their own, where there can be several. */
  readonly pool: pg.Pool | undefined
  exec(sql: string): Promise<unknown>
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
  close(): Promise<void>
}

// What the function for users asks, as Supabase has it.
const AUTH = `create schema if not exists auth;
  create or replace function auth.jwt() returns jsonb language sql stable as
    $$ select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$;`
const ITEMS = 'create table items (id bigint generated always as identity primary key, owner text, n int, note text)'

export const itemsFeed: string = feedMigration([{ table: 'items', owner: 'owner' }])

async function prepared(database: TestDatabase): Promise<TestDatabase> {
  await database.exec(`${AUTH} ${ITEMS}`)
  await database.exec(itemsFeed)
  return database
}

export async function openPglite(): Promise<TestDatabase> {
  const db = await PGlite.create('memory://')
  return prepared({
    name: 'pglite',
    client: db,
    pool: undefined,
    exec: (sql) => db.exec(sql),
    query: async <Row>(text: string, values?: unknown[]) => (await db.query<Row>(text, values)).rows,
    close: () => db.close(),
  })
}

async function openPostgres(): Promise<TestDatabase> {
  const server = await startPostgres()
  const pool = new pg.Pool({ connectionString: server.url, max: 10 })
  pool.on('error', () => undefined)
  return prepared({
    name: 'postgres',
    client: pool as unknown as PostgresClient,
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
