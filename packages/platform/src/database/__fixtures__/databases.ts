import type { RunningPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'
import { supabaseShape } from '../supabase-shape.ts'

/** Sends texts of statements one after the other, each in a transaction of its own. */
export async function administer(url: string, ...texts: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const text of texts) await client.query(text)
  } finally {
    await client.end()
  }
}

let databases = 0
/** Makes an empty database and returns its address. */
export async function emptyDatabase(server: RunningPostgres): Promise<string> {
  const name = `suite_${(databases += 1)}`
  await administer(server.url, `create database ${name}`)
  return server.url.replace(/postgres$/, name)
}

/** Makes what a project of Supabase has before its first migration, owned by others, for a login role like its `postgres`. */
export async function supabaseProject(server: RunningPostgres): Promise<string> {
  const url = await emptyDatabase(server)
  const { pathname } = new URL(url)
  await administer(
    url,
    `${supabaseShape()
      .map(({ sql }) => sql)
      .join('')}
    create table realtime.subscription (id bigint primary key);
    do $$ begin
      if not exists (select from pg_roles where rolname = 'authenticator') then create role authenticator login noinherit; end if;
      if not exists (select from pg_roles where rolname = 'project') then
        create role project login nosuperuser createrole createdb bypassrls;
        grant anon, authenticated, service_role to project, authenticator;
      end if;
    end $$;
    grant all on database ${pathname.slice(1)} to project;
    grant all on schema public to project;
    grant usage on schema auth, realtime to project;
    grant select, insert on realtime.messages to project`,
  )
  return url.replace('//msc@', '//project@')
}
