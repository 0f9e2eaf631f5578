import { createCache, type Cache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { startPostgres, type RunningPostgres } from '@msc/core/testing/postgres'
import { createDatabase } from '../../database/create-database.ts'
import type { Database } from '../../database/database.ts'
import { pglite } from '../../database/drivers/pglite.ts'
import { postgres } from '../../database/drivers/postgres.ts'
import { createSessions } from '../create-sessions.ts'
import type { Sessions, SessionsOptions } from '../sessions.ts'
import { sessionsMigration } from '../sessions-migration.ts'

export interface TestUser {
  readonly id: string
  readonly role: string
}

/** The schema of an application with users, as its first migration would make it. */
const APPLICATION = {
  version: '20260101000000_application',
  sql: `
    do $$ begin
      if not exists (select from pg_roles where rolname = 'service_role') then
      end if;
    end $$;
    create table profiles (id text primary key, role text not null, name text not null default '');
    create table notes (text text not null);
    grant all on profiles, notes to service_role;
    grant select on notes to authenticated;
    alter table notes enable row level security;
  `,
}
const TRIGGERS = {
  version: '20270101000000_triggers',
  sql: `
    create trigger end_sessions after update of role or delete on profiles
      for each row execute function msc_sessions.on_user_change('id', 'role');
    create policy live on notes using (
      msc_sessions.is_live((current_setting('request.jwt.claims')::json ->> 'session_id')::uuid)
    );
  `,
}

export interface TestDatabase {
  readonly database: Database
  readonly server: RunningPostgres | undefined
  /** Another connection to the same data, as another process would have; the same one on PGlite. */
  another(): Database
  close(): Promise<void>
}

export async function startDatabase(driver: 'pglite' | 'postgres'): Promise<TestDatabase> {
  const server = driver === 'postgres' ? await startPostgres() : undefined
  const opened: Database[] = []
  const open = (): Database => {
    const database = createDatabase({
      driver: server ? postgres({ url: server.url, maxConnections: 4 }) : pglite(),
      onError: () => {},
    })
    opened.push(database)
    return database
  }
  const database = open()
  await database.migrate([APPLICATION, sessionsMigration(), TRIGGERS])
  return {
    database,
    server,
    another: () => (server ? open() : database),
    async close() {
      await Promise.all(opened.map((each) => each.close()))
      await server?.close()
    },
  }
}

export const loadUser: SessionsOptions<TestUser>['loadUser'] = async (tx, id) =>
  (await tx.query<TestUser>('select id, role from profiles where id = $1', [id]))[0]

export function memoryCache(): Cache {
  return createCache({ driver: memory(), onError: () => {} })
}

/** Sessions that are closed with the test that made them. */
export function sessionsOf(
  opened: Sessions<TestUser>[],
  database: Database,
  options: Partial<SessionsOptions<TestUser>> = {},
): Sessions<TestUser> {
  const sessions = createSessions<TestUser>({ database, loadUser, cache: memoryCache(), onError: () => {}, ...options })
  opened.push(sessions)
  return sessions
}

export async function addUser(database: Database, id: string, role = 'artist'): Promise<string> {
  await database.asService((tx) => tx.query('insert into profiles (id, role) values ($1, $2)', [id, role]))
  return id
}
