
create schema msc_sessions;

create table msc_sessions.sessions (
  id uuid primary key default gen_random_uuid(),
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  user_id text not null check (char_length(user_id) between 1 and 255),
  created_at timestamptz not null default now(),
  -- Moves on with each use where sessions end when they are idle, but never past latest_at.
  expires_at timestamptz not null,
  latest_at timestamptz not null,
  ended_at timestamptz,
  end_reason text check (char_length(end_reason) <= 64),
  address text check (char_length(address) <= 64),
  user_agent text check (char_length(user_agent) <= 512)
);
create index sessions_by_user on msc_sessions.sessions (user_id, created_at) where ended_at is null;
create index sessions_by_expiry on msc_sessions.sessions (expires_at);

create table msc_sessions.failed_sign_ins (
  id bigint generated always as identity primary key,
  account text not null check (char_length(account) <= 254),
  address text check (char_length(address) <= 64),
  at timestamptz not null default now(),
  reason text not null check (char_length(reason) <= 64)
);

-- Hashes only: this table outlives the failures above and needs no names.
create table msc_sessions.known_addresses (
  account_hash bytea not null,
  address_hash bytea not null,
  seen_at timestamptz not null default now(),
  primary key (account_hash, address_hash)
);
create index known_addresses_by_age on msc_sessions.known_addresses (seen_at);

-- No policy: only roles that bypass row level security read these tables, whatever is granted by mistake.
alter table msc_sessions.sessions enable row level security;
alter table msc_sessions.failed_sign_ins enable row level security;
alter table msc_sessions.known_addresses enable row level security;

create function msc_sessions.tell_ended() returns trigger language plpgsql set search_path = '' as $$
begin
  if tg_op = 'TRUNCATE' then
    perform pg_notify('msc_sessions', '*');
  elsif old.ended_at is null and (
    (tg_op = 'UPDATE' and new.ended_at is not null) or (tg_op = 'DELETE' and old.expires_at > now())
  ) then
    perform pg_notify('msc_sessions', json_build_object('session', old.id, 'user', old.user_id)::text);
  end if;
  return null;
end $$;
create trigger tell_ended after update of ended_at or delete on msc_sessions.sessions
  for each row execute function msc_sessions.tell_ended();
create trigger tell_all_ended after truncate on msc_sessions.sessions
  for each statement execute function msc_sessions.tell_ended();

-- Sign-ins and ends of one user take turns, so that a session that is being started is not missed.
create function msc_sessions.lock_user(user_id text) returns void language sql set search_path = '' as
  $$ select pg_advisory_xact_lock(hashtextextended('msc_sessions:' || user_id, 0)) $$;

create function msc_sessions.end_all(user_id text, reason text) returns integer
language plpgsql security definer set search_path = '' as $$
declare
  ended integer;
begin
  perform msc_sessions.lock_user(end_all.user_id);
  update msc_sessions.sessions as s set ended_at = now(), end_reason = left(end_all.reason, 64)
    where s.user_id = end_all.user_id and s.ended_at is null;
  get diagnostics ended = row_count;
  return ended;
end $$;

create function msc_sessions.on_user_change() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  was jsonb := to_jsonb(old);
  becomes jsonb;
  changed boolean := true;
begin
  if tg_nargs = 0 or not was ? tg_argv[0] then
    raise exception 'msc_sessions.on_user_change needs the name of the column that has the id of the user';
  end if;
  if tg_op = 'UPDATE' then
    becomes := to_jsonb(new);
    changed := tg_nargs = 1 and was is distinct from becomes;
    for i in 1 .. tg_nargs - 1 loop
      changed := changed or was -> tg_argv[i] is distinct from becomes -> tg_argv[i];
    end loop;
  end if;
  if changed and was ->> tg_argv[0] is not null then
    perform msc_sessions.end_all(was ->> tg_argv[0], case tg_op when 'DELETE' then 'user-deleted' else 'user-changed' end);
  end if;
  return null;
end $$;

create function msc_sessions.is_live(session_id uuid) returns boolean
language sql stable security definer set search_path = '' as $$
  select exists (
    select from msc_sessions.sessions as s
    where s.id = is_live.session_id and s.ended_at is null and s.expires_at > now()
  )
$$;

revoke all on all functions in schema msc_sessions from public;
grant usage on schema msc_sessions to service_role;
grant select, insert, update, delete on all tables in schema msc_sessions to service_role;
grant execute on function msc_sessions.lock_user(text), msc_sessions.end_all(text, text), msc_sessions.is_live(uuid)
  to service_role;
do $$ begin
  if exists (select from pg_roles where rolname = 'authenticated') then
    grant usage on schema msc_sessions to authenticated;
    grant execute on function msc_sessions.is_live(uuid) to authenticated;
  end if;
end $$;
