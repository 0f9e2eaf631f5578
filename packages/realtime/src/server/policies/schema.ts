/**
 * What policies and triggers of realtime are written with, and Supabase has: its roles, `auth.jwt()`, `realtime.messages`,
 * `realtime.topic()`, `realtime.send`, `realtime.send_binary` and `realtime.broadcast_changes`. What those send goes out by the
 * outbox of `feedMigration`. For a PGlite or a Postgres of your own, before any other migration; harmless when applied again,
 * and where Supabase's own are.
 *
 * Source: Supabase's documentation, "Broadcast from the Database".
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
      binary_payload bytea,
      inserted_at timestamptz not null default now()
    );
    alter table realtime.messages enable row level security;
    grant select, insert on realtime.messages to anon, authenticated, service_role;
  end if;
  -- The table of before it had those.
  if to_regclass('realtime.subscription') is null then
    if not exists (select from pg_attribute where attrelid = 'realtime.messages'::regclass and attname = 'binary_payload') then
      alter table realtime.messages add column binary_payload bytea;
    end if;
    create index if not exists messages_by_age on realtime.messages (inserted_at);
  end if;
  if to_regprocedure('realtime.topic()') is null then
    create function realtime.topic() returns text language sql stable as
      'select nullif(current_setting(''realtime.topic'', true), '''')';
  end if;
end $$;

-- None of them ever fails the write that calls it. They write as their caller, whom the policies may refuse.
do $do$ begin
  if to_regclass('realtime.subscription') is not null then return; end if;
  execute $sql$
    create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
      language plpgsql as $$
    declare
      own uuid := gen_random_uuid();
    begin
      perform set_config('realtime.topic', send.topic, true);
      insert into realtime.messages (id, topic, extension, event, private, payload)
        values (own, send.topic, 'broadcast', send.event, send.private,
          case when send.payload ? 'id' then send.payload else jsonb_set(send.payload, '{id}', to_jsonb(own)) end);
    exception when others then
      raise warning 'realtime.send: %', sqlerrm;
    end $$
  $sql$;
  execute $sql$
    create or replace function realtime.send_binary(payload bytea, event text, topic text, private boolean default true) returns void
      language plpgsql as $$
    begin
      perform set_config('realtime.topic', send_binary.topic, true);
      insert into realtime.messages (topic, extension, event, private, binary_payload)
        values (send_binary.topic, 'broadcast', send_binary.event, send_binary.private, send_binary.payload);
    exception when others then
      raise warning 'realtime.send_binary: %', sqlerrm;
    end $$
  $sql$;
  execute $sql$
    create or replace function realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text,
        table_schema text, new record, old record, level text default 'ROW') returns void
      language plpgsql as $$
    begin
      if level = 'STATEMENT' then
        raise exception 'realtime.broadcast_changes is for triggers FOR EACH ROW.';
      end if;
      if operation not in ('INSERT', 'UPDATE', 'DELETE') then
        raise exception 'realtime.broadcast_changes knows no operation %.', operation;
      end if;
      perform realtime.send(jsonb_build_object('schema', table_schema, 'table', table_name, 'operation', operation,
        'record', new, 'old_record', old), event_name, topic_name);
    end $$
  $sql$;
end $do$;
`
