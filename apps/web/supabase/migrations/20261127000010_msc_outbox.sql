
create schema msc_outbox;
create table msc_outbox.entries (
  id uuid primary key,
  -- The order of the entries of a group.
  seq bigint generated always as identity,
  kind text not null,
  grp text,
  payload jsonb not null,
  traceparent text,
  user_id text,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'parked')),
  attempts int not null default 0,
  -- When it may be claimed. Who claims it moves this into the future: that is its lease. A new entry is due whatever the
  -- clock says, also after it was set back.
  due_at timestamptz not null default '-infinity',
  -- Set for entries of a group whose first one can't be claimed for now, so that nobody has to read them at each look. An
  -- entry that waits need not be marked; one that is first never is for long.
  blocked boolean not null default false,
  -- Whose claim it is.
  owner text,
  error text,
  error_code text,
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
create index entries_due on msc_outbox.entries (kind, due_at, seq) where state = 'pending' and not blocked;
create index entries_open on msc_outbox.entries (state, seq) where state <> 'delivered';
create index entries_group on msc_outbox.entries (grp, seq) where state <> 'delivered' and grp is not null;
create index entries_unblocked on msc_outbox.entries (grp, seq)
  where state = 'pending' and not blocked and grp is not null;
create index entries_blocked on msc_outbox.entries (grp, seq) where state = 'pending' and blocked;
create index entries_delivered on msc_outbox.entries (ended_at) where state = 'delivered';
-- Without a policy: whoever does not bypass row level security sees nothing, whatever is granted.
alter table msc_outbox.entries enable row level security;

-- A key's id is a hash that nobody can aim at another key's: version 8 of RFC 9562.
create function msc_outbox.id_of(key text) returns uuid language sql immutable set search_path = '' as $$
  select (substr(h, 1, 12) || '8' || substr(h, 14, 3) || 'a' || substr(h, 18, 15))::uuid
  from (select encode(sha256(convert_to(key, 'UTF8')), 'hex') as h) as hashed $$;

create function msc_outbox.add(kind text, payload jsonb, key text default null, grp text default null) returns uuid
  language plpgsql set search_path = '' as $$
declare
  entry uuid := case when key is null then gen_random_uuid() else msc_outbox.id_of(key) end;
begin
  if kind is null or kind !~ '^[A-Za-z0-9_.:/-]{1,100}$' then
    raise exception 'The kind of an outbox entry is 1 to 100 letters, digits and _ . : / -' using errcode = '22023';
  end if;
  if length(key) not between 1 and 500 or length(grp) not between 1 and 200 then
    raise exception 'The key of an outbox entry has 1 to 500 characters, its group 1 to 200' using errcode = '22023';
  end if;
  if payload is null or octet_length(payload::text) > 393216 then
    raise exception 'The payload of an outbox entry is missing or too large' using errcode = '22023';
  end if;
  insert into msc_outbox.entries (id, kind, grp, payload, traceparent, user_id) values (
    entry, add.kind, add.grp, add.payload,
    nullif(left(current_setting('msc.traceparent', true), 100), ''),
    nullif(left(current_setting('msc.user_id', true), 200), '')
  ) on conflict (id) do nothing;
  -- The same key twice is one entry.
  if found then perform pg_notify('msc_outbox', entry::text); end if;
  return entry;
end $$;

revoke all on function msc_outbox.id_of(text), msc_outbox.add(text, jsonb, text, text) from public;
grant usage on schema msc_outbox to service_role;
grant select, insert, update, delete on msc_outbox.entries to service_role;
grant execute on function msc_outbox.id_of(text), msc_outbox.add(text, jsonb, text, text) to service_role;
