/** Is it the same as a JavaScript number? One that is too large or too small to be one at all is not even tried. */
const IS_EXACT: string = `case
            when length(e.value #>> '{}') < 16 then true
            when abs((e.value #>> '{}')::numeric) between 2.3e-308 and 1.79e308
              then (e.value #>> '{}')::numeric = (((e.value #>> '{}')::double precision)::text)::numeric
            else (e.value #>> '{}')::numeric = 0
          end`

/**
 * The outbox: what was written, in the transaction that wrote it. A row knows its transaction (`xid`) and the snapshot that it was
 * written under: all that is visible there had committed, and was heard of, before this row is. Ids alone can not promise that,
 * since transactions commit in another order than they begin.
 */
export const OUTBOX: string = `
create schema if not exists msc_feed;
create table if not exists msc_feed.state (
  one boolean primary key default true check (one),
  -- Another one makes all cursors those of another history.
  epoch uuid not null default gen_random_uuid(),
  -- The first transaction of which nothing has been deleted.
  floor xid8 not null default '0'
);
insert into msc_feed.state default values on conflict do nothing;
-- Who sends on Supabase, and up to where a relay has: all of before that transaction. A table of its own, as a column that is
-- added locks out everybody who reads the epoch, whenever the migration is applied.
create table if not exists msc_feed.delivery (
  one boolean primary key default true check (one),
  deliver text not null default 'database',
  relayed xid8
);
insert into msc_feed.delivery default values on conflict do nothing;
-- The outbox of before it knew its snapshots: what is in it can't be told from what was heard, so it is another history.
do $$ begin
  if exists (select from pg_attribute where attrelid = to_regclass('msc_feed.events') and attname = 'horizon') then
    drop table msc_feed.events;
    update msc_feed.state set epoch = gen_random_uuid(), floor = '0';
  end if;
end $$;
create table if not exists msc_feed.events (
  id bigint generated always as identity primary key,
  topic text not null,
  event text not null,
  payload jsonb not null,
  -- In place of the payload, of realtime.send_binary.
  raw bytea,
  -- Of the payload as text.
  bytes int not null,
  private boolean not null default true,
  xid xid8 not null,
  snapshot pg_snapshot not null,
  inserted_at timestamptz not null default now()
);
create index if not exists events_by_topic on msc_feed.events (topic, xid, id);
create index if not exists events_by_id on msc_feed.events (topic, id);
create index if not exists events_by_xid on msc_feed.events (xid);
create index if not exists events_by_age on msc_feed.events (inserted_at);
-- What a message has that may be sent again, and to another server, as its answer was lost. A column that is added locks out
-- everybody for a moment, so only where it is missing.
do $$ begin
  if not exists (select from pg_attribute where attrelid = 'msc_feed.events'::regclass and attname = 'once' and not attisdropped) then
    alter table msc_feed.events add column once text;
  end if;
end $$;
-- What was deleted of each topic: the last row, and the last transaction before that row's. So a topic in which nothing is written is
-- not taken for one of which something is gone. Of topics that were forgotten in turn, 'feed!' has the last transaction.
create table if not exists msc_feed.pruned (
  topic text primary key,
  xid xid8 not null,
  id bigint not null,
  prior xid8 not null,
  at timestamptz not null default now()
);
create index if not exists pruned_by_age on msc_feed.pruned (at);
insert into msc_feed.pruned (topic, xid, id, prior)
  select 'feed!', s.floor, 9223372036854775807, s.floor from msc_feed.state as s on conflict do nothing;
create unique index if not exists events_once on msc_feed.events (once) where once is not null;

-- The history that cursors belong to. A database that was restored elsewhere, or to an earlier moment, has another one, although
-- the table's row is the same.
create or replace function msc_feed.epoch() returns text
  language plpgsql stable set search_path = '' as $$
declare
  epoch text := (select state.epoch from msc_feed.state);
  place text := '';
begin
  if has_function_privilege('pg_control_system()', 'execute') then
    place := (select system_identifier from pg_control_system());
  end if;
  if not pg_is_in_recovery() and has_function_privilege('pg_walfile_name(pg_lsn)', 'execute') then
    place := place || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
  end if;
  return md5(epoch || place)::uuid;
end $$;

-- A snapshot in which its own transaction counts as not ended: Postgres leaves that one out, so with a later one that has ended
-- it would look visible. With very many open ones, that of before the first of them.
create or replace function msc_feed.snapshot(own xid8, at pg_snapshot) returns pg_snapshot
  language sql immutable set search_path = '' as $$
  select case
    when length(at::text) > 1500 then format('%s:%s:', pg_snapshot_xmin(at), pg_snapshot_xmin(at))::pg_snapshot
    when own >= pg_snapshot_xmax(at) then at
    else format('%s:%s:%s', pg_snapshot_xmin(at), pg_snapshot_xmax(at), (
      select string_agg(xid::text, ',' order by xid) from (select pg_snapshot_xip(at) union select own) as open (xid)
    ))::pg_snapshot
  end
$$;
drop function if exists msc_feed.snapshot(xid8);

-- A number with more digits than a JavaScript number keeps becomes the text of its digits, at any depth.
create or replace function msc_feed.exact(value jsonb) returns jsonb
  language plpgsql immutable set search_path = '' set extra_float_digits = 1 as $$
begin
  -- Each number where it stands: a call for each would cost ten times as much.
  case jsonb_typeof(value)
    when 'object' then
      return (select coalesce(jsonb_object_agg(e.key, case jsonb_typeof(e.value)
          when 'number' then case when ${IS_EXACT} then e.value else to_jsonb(e.value #>> '{}') end
          when 'object' then msc_feed.exact(e.value) when 'array' then msc_feed.exact(e.value)
          else e.value end), '{}')
        from jsonb_each(value) as e);
    when 'array' then
      return (select coalesce(jsonb_agg(case jsonb_typeof(e.value)
          when 'number' then case when ${IS_EXACT} then e.value else to_jsonb(e.value #>> '{}') end
          when 'object' then msc_feed.exact(e.value) when 'array' then msc_feed.exact(e.value)
          else e.value end order by e.nth), '[]')
        from jsonb_array_elements(value) with ordinality as e (value, nth));
    when 'number' then
      return msc_feed.exact(jsonb_build_array(value)) -> 0;
    else
      return value;
  end case;
end $$;

drop function if exists msc_feed.cursor(xid8);
-- Only the id travels in the notification: 8 000 bytes would abort the write that caused it. Where Supabase delivers,
-- its own broadcast is sent too; one that it does not take, because it is too large or at all, is fetched by its cursor.
drop function if exists msc_feed.publish(text, text, jsonb);
drop function if exists msc_feed.publish(text, text, jsonb, boolean, bytea);
drop function if exists msc_feed.publish(text, text, jsonb, boolean, bytea, text, bigint);
create or replace function msc_feed.publish(
    topic text, event text, payload jsonb, private boolean default true, bytes bytea default null,
    author text default null, target bigint default null, once text default null) returns bigint
  language plpgsql security definer set search_path = '' as $$
declare
  own xid8 := pg_current_xact_id();
  said jsonb := publish.payload;
  text text := said::text;
  written bigint;
  -- Before the row has its id: what is visible here has a lower one.
  at pg_snapshot := pg_current_snapshot();
begin
  -- What is said there goes to all feeds of a table, and is written by triggers alone.
  if starts_with(topic, 'feed!') then
    raise exception 'Topics that begin with feed! are reserved' using errcode = 'reserved_name';
  end if;
  if own < pg_snapshot_xmax(at) or length(at::text) > 1500 then at := msc_feed.snapshot(own, at); end if;
  -- A quick look, as few have such numbers.
  if text ~ '[0-9.]{16}' then
    begin
      said := msc_feed.exact(said);
      text := said::text;
    exception when statement_too_complex then
      -- It is nested too deeply to be looked through, and goes as it is.
      null;
    end;
  end if;
  loop
    insert into msc_feed.events as e (topic, event, payload, raw, bytes, private, author, target, once, xid, snapshot)
      values (publish.topic, publish.event, said, publish.bytes, octet_length(text) + coalesce(octet_length(publish.bytes), 0),
        publish.private, publish.author, publish.target, publish.once, own, at)
      on conflict do nothing returning e.id into written;
    exit when written is not null;
    -- It was written before, and told. Where it was deleted just now, it is written after all.
    select e.id into written from msc_feed.events as e where e.once = publish.once;
    if written is not null then return written; end if;
  end loop;
  perform pg_notify('msc_feed', written::text);
  -- Supabase's clients know no actions.
  if publish.target is null and to_regclass('realtime.subscription') is not null
    and (select d.deliver from msc_feed.delivery as d) = 'database' then
    begin
      if octet_length(text) > 200000 then
        perform realtime.send(jsonb_build_object('_msc', jsonb_build_object('more', true)), event, topic, publish.private);
      else
        perform realtime.send(said || jsonb_build_object('_msc', jsonb_build_object('id', 'f' || written,
          'cursor', msc_feed.epoch() || ':' || at || '+' || own || '.' || written)), event, topic, publish.private);
      end if;
    exception when others then
      raise warning 'msc_feed: %', sqlerrm;
    end;
  end if;
  return written;
end $$;

-- Deletes what is older, at most so many rows at a time and by one session at a time. Returns how many went.
create or replace function msc_feed.prune(older interval, max int) returns int
  language plpgsql security definer set search_path = '' as $$
declare
  gone int := 0;
  last xid8;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('msc_feed.prune', 0)) then return 0; end if;
  with old as (
    select id from msc_feed.events where inserted_at < now() - older order by inserted_at limit max
  ), deleted as (
    delete from msc_feed.events as e using old where e.id = old.id returning e.topic, e.xid, e.id
  ), latest as (
    select d.topic, (array_agg(distinct d.xid order by d.xid desc))[1:2] as xids, (array_agg(d.id order by d.xid desc, d.id desc))[1] as id
      from deleted as d group by d.topic
  ), noted as (
    insert into msc_feed.pruned as p (topic, xid, id, prior)
      select l.topic, l.xids[1], l.id, coalesce(l.xids[2], '0') from latest as l
      on conflict (topic) do update set xid = greatest(p.xid, excluded.xid), at = now(),
        id = case when excluded.xid > p.xid then excluded.id when excluded.xid < p.xid then p.id else greatest(p.id, excluded.id) end,
        prior = greatest(p.prior, excluded.prior, nullif(least(p.xid, excluded.xid), greatest(p.xid, excluded.xid)))
  )
  select count(*), (select xid from deleted order by xid desc limit 1) into gone, last from deleted;
  if gone > 0 then
    update msc_feed.state set floor = greatest(floor, ((last::text::bigint + 1)::text)::xid8);
  end if;
  with forgotten as (
    delete from msc_feed.pruned as p using (
      select o.topic from msc_feed.pruned as o where o.at < now() - interval '30 days' and o.topic <> 'feed!' order by o.at limit max
    ) as old where p.topic = old.topic returning p.xid
  )
  update msc_feed.pruned as p set xid = greatest(p.xid, f.xid), prior = greatest(p.xid, f.xid)
    from (select xid from forgotten order by xid desc limit 1) as f where p.topic = 'feed!';
  -- Supabase prunes its own.
  if to_regclass('realtime.messages') is not null and to_regclass('realtime.subscription') is null then
    delete from realtime.messages where id in (
      select m.id from realtime.messages as m where m.inserted_at < now() - older order by m.inserted_at limit max);
  end if;
  return gone;
end $$;

revoke all on function msc_feed.publish(text, text, jsonb, boolean, bytea, text, bigint, text) from public;
revoke all on function msc_feed.prune(interval, int) from public;
alter table msc_feed.events enable row level security;
alter table msc_feed.state enable row level security;
alter table msc_feed.delivery enable row level security;
alter table msc_feed.pruned enable row level security;
`
