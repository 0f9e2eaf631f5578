import type { Migration } from './database.ts'

/** Existing databases have it recorded, so it stays. */
export const SHAPE_VERSION = 'platform'

/**
 * Returns what Supabase provides and a bare Postgres does not: the roles `anon`, `authenticated` and `service_role`, and of
 * the schemas `auth` and `realtime` the parts that migrations for Supabase use. `Database.migrate` applies it first where
 * the driver is not Supabase's, so an application says nothing.
 *
 * Roles belong to a whole server: they are made only if they are missing, also when two databases of it are migrated at
 * once. The login role becomes a member of them, as it must be to act for them if it is no superuser.
 */
export function supabaseShape(): readonly Migration[] {
  return [
    { version: SHAPE_VERSION, sql: SHAPE },
    { version: `${SHAPE_VERSION}_2`, sql: SEND_AS_THE_CALLER },
  ]
}

/**
 * As on Supabase: who may send on a topic is decided by the policies of `realtime.messages`, for whoever calls. Triggers that
 * send for others are SECURITY DEFINER themselves.
 *
 * Source: https://supabase.com/docs/guides/realtime/broadcast#broadcast-from-the-database
 */
const SEND_AS_THE_CALLER = `
alter function realtime.send(jsonb, text, text, boolean) security invoker;
alter function realtime.broadcast_changes(text, text, text, text, text, record, record, text) security invoker;
`

const SHAPE = `
do $$
declare
  name text;
  -- Since Postgres 16, who makes a role is a member of it that may not become it.
  use text := case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end;
begin
  foreach name in array array['anon', 'authenticated', 'service_role'] loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = name) then
        execute format('create role %I nologin noinherit %s', name,
          case when name = 'service_role' then 'bypassrls' else 'nobypassrls' end);
      end if;
    exception when duplicate_object or unique_violation then
      -- Another database of this server is being migrated too.
      null;
    end;
    if not pg_has_role(current_user, name, use) then
      execute format('grant %I to current_user', name);
    end if;
  end loop;
  if not (select rolbypassrls or rolsuper from pg_catalog.pg_roles where rolname = 'service_role') then
    raise exception 'The role service_role does not bypass row level security' using errcode = '42501';
  end if;
end $$;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to service_role;

create schema auth;
grant usage on schema auth to anon, authenticated, service_role;
create table auth.users (
  id uuid primary key default gen_random_uuid(),
  email text not null unique,
  encrypted_password text not null,
  raw_app_meta_data jsonb not null default '{}',
  raw_user_meta_data jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create function auth.jwt() returns jsonb language sql stable as
  $$ select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$;
create function auth.uid() returns uuid language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
create function auth.role() returns text language sql stable as $$ select auth.jwt() ->> 'role' $$;

create schema realtime;
grant usage on schema realtime to anon, authenticated, service_role;
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
create index messages_inserted_at on realtime.messages (inserted_at);
create function realtime.topic() returns text language sql stable as
  $$ select nullif(current_setting('realtime.topic', true), '') $$;

-- Only the id travels in the notification: a payload of 8,000 bytes would abort the write that caused it.
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
  language plpgsql security definer set search_path = '' as $$
declare message_id uuid;
begin
  insert into realtime.messages (topic, extension, payload, event, private)
    values (send.topic, 'broadcast', send.payload, send.event, send.private) returning id into message_id;
  perform pg_notify('realtime_messages', message_id::text);
end $$;

create function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text,
  new record, old record, level text default 'ROW'
) returns void language plpgsql security definer set search_path = '' as $$
begin
  perform realtime.send(
    jsonb_build_object('operation', operation, 'schema', table_schema, 'table', table_name,
      'record', to_jsonb(new), 'old_record', to_jsonb(old)),
    event_name, topic_name, true);
end $$;
`
