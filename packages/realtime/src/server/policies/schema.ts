/**
 * What policies of realtime are written with, and Supabase has: its roles, `auth.jwt()`, `realtime.messages` and
 * `realtime.topic()`. For a PGlite or a Postgres of your own, before any other migration; harmless when applied again, and
 * where Supabase's own are.
 */
export function realtimeSchema(): string {
  return SCHEMA.trimStart()
}

const SCHEMA = `
do $$
declare
  name text;
begin
  foreach name in array array['anon', 'authenticated', 'service_role'] loop
    if not exists (select 1 from pg_roles where rolname = name) then
      execute format('create role %I nologin noinherit', name);
    end if;
  end loop;
  if to_regclass('realtime.messages') is null then
    alter role service_role bypassrls;
  end if;
end $$;

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;
do $$ begin
  if to_regprocedure('auth.jwt()') is null then
    create function auth.jwt() returns jsonb language sql stable as
      'select coalesce(nullif(current_setting(''request.jwt.claims'', true), ''''), ''{}'')::jsonb';
  end if;
end $$;

create schema if not exists realtime;
grant usage on schema realtime to anon, authenticated, service_role;
do $$ begin
  if to_regclass('realtime.messages') is null then
    create table realtime.messages (
      id uuid primary key default gen_random_uuid(),
      topic text not null,
      extension text not null,
      payload jsonb,
      event text,
      private boolean default false,
      inserted_at timestamptz not null default now()
    );
    alter table realtime.messages enable row level security;
    grant select, insert on realtime.messages to anon, authenticated, service_role;
  end if;
  if to_regprocedure('realtime.topic()') is null then
    create function realtime.topic() returns text language sql stable as
      'select nullif(current_setting(''realtime.topic'', true), '''')';
  end if;
end $$;
`
