-- What a server relays after the caches have heard of it. Made by `feedMigration` of @msc/realtime/server.
create schema if not exists msc_feed;
create table if not exists msc_feed.state (
  one boolean primary key default true check (one),
  -- Another one after a restore: cursors of the other history mean nothing here.
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
create table if not exists msc_feed.events (
  id bigint generated always as identity primary key,
  topic text not null,
  event text not null,
  payload jsonb not null,
  xid xid8 not null default pg_current_xact_id(),
  horizon xid8 not null default pg_snapshot_xmin(pg_current_snapshot()),
  inserted_at timestamptz not null default now()
);
create index if not exists events_by_topic on msc_feed.events (topic, xid, id);
create index if not exists events_by_xid on msc_feed.events (xid);
create index if not exists events_by_age on msc_feed.events (inserted_at);

create or replace function msc_feed.cursor(horizon xid8) returns text
  language sql stable set search_path = '' as $$ select epoch || ':' || horizon from msc_feed.state $$;

-- Only the id travels in the notification: 8 000 bytes would abort the write that caused it. Where Supabase delivers,
-- its own broadcast is sent too; one that it does not take, because it is too large or at all, is fetched by its cursor.
create or replace function msc_feed.publish(topic text, event text, payload jsonb) returns bigint
  language plpgsql security definer set search_path = '' as $$
declare
  written msc_feed.events;
  stamp jsonb;
begin
  insert into msc_feed.events as e (topic, event, payload) values (publish.topic, publish.event, publish.payload)
    returning e.* into written;
  perform pg_notify('msc_feed', written.id::text);
  if to_regclass('realtime.subscription') is not null and (select d.deliver from msc_feed.delivery as d) = 'database' then
    stamp := jsonb_build_object('_msc', jsonb_build_object('id', 'f' || written.id, 'cursor', msc_feed.cursor(written.horizon)));
    begin
      if octet_length(publish.payload::text) > 200000 then
        perform realtime.send(jsonb_build_object('_msc', jsonb_build_object('more', true)), event, topic, true);
      else
        perform realtime.send(publish.payload || stamp, event, topic, true);
      end if;
    exception when others then
      raise warning 'msc_feed: %', sqlerrm;
    end;
  end if;
  return written.id;
end $$;

-- Routed by the row's owner; a DELETE by the OLD row's, and a row that changes its owner leaves the one and comes to the
-- other, so nobody ever hears of a row that is somebody else's.
create or replace function msc_feed.on_change() returns trigger
  language plpgsql security definer set search_path = '' as $$
declare
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  new_owner text := new_row ->> tg_argv[0];
  old_owner text := old_row ->> tg_argv[0];
  prefix text := 'feed:' || tg_table_name || ':';
  base jsonb := jsonb_build_object('schema', tg_table_schema, 'table', tg_table_name);
begin
  if tg_op = 'UPDATE' and new_owner is not distinct from old_owner then
    if new_owner is not null then
      perform msc_feed.publish(prefix || new_owner, 'UPDATE',
        base || jsonb_build_object('operation', 'UPDATE', 'record', new_row, 'old_record', old_row));
    end if;
    return null;
  end if;
  if old_owner is not null then
    perform msc_feed.publish(prefix || old_owner, 'DELETE',
      base || jsonb_build_object('operation', 'DELETE', 'record', null, 'old_record', old_row));
  end if;
  if new_owner is not null then
    perform msc_feed.publish(prefix || new_owner, 'INSERT',
      base || jsonb_build_object('operation', 'INSERT', 'record', new_row, 'old_record', null));
  end if;
  return null;
end $$;

-- What came after a cursor. One statement, so that rows and position are of the same moment. Without a cursor: where the
-- feed is now. 'gap': what came after it is known no more.
create or replace function msc_feed.since(topic text, after text, max int) returns jsonb
  language sql stable security definer set search_path = '' as $$
  with position as (
    select pg_snapshot_xmin(pg_current_snapshot()) as horizon, state.epoch, state.floor from msc_feed.state
  ), wanted as (
    select position.*,
      since.after is not null and (split_part(since.after, ':', 1) <> position.epoch::text
        or split_part(since.after, ':', 2)::xid8 < position.floor) as gap,
      coalesce(nullif(split_part(since.after, ':', 2), ''), position.horizon::text)::xid8 as low,
      coalesce(nullif(split_part(since.after, ':', 3), ''), '0')::bigint as past,
      coalesce(nullif(split_part(since.after, ':', 4), ''), position.horizon::text) as target
    from position
  ), limited as (
    select e.id, e.event, e.payload from wanted join msc_feed.events as e
      on e.topic = since.topic and e.xid >= wanted.low and e.id > wanted.past
    where since.after is not null and not wanted.gap order by e.id limit since.max + 1
  ), found as (
    select *, row_number() over (order by id) as nth, sum(octet_length(payload::text)) over (order by id) as bytes
      from limited
  ), page as (
    -- One at least, however large.
    select * from found where nth = 1 or (nth <= since.max and bytes <= 1000000)
  )
  select jsonb_build_object(
    'gap', wanted.gap,
    'more', (select count(*) from found) > (select count(*) from page),
    'cursor', wanted.epoch || ':' || case
      when wanted.gap or since.after is null then wanted.horizon::text
      -- Until the last page, the same rows from the next id on; then everything up to where it began.
      when (select count(*) from found) > (select count(*) from page)
        then wanted.low || ':' || (select max(id) from page) || ':' || wanted.target
      else wanted.target end,
    'events', coalesce((select jsonb_agg(jsonb_build_object('event', page.event, 'payload', page.payload
      || jsonb_build_object('_msc', jsonb_build_object('id', 'f' || page.id))) order by page.id) from page), '[]'))
  from wanted
$$;

-- The same for a user, over PostgREST: their own feeds only.
create or replace function public.msc_feed_since(topic text, after text default null, max int default 500) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  if topic is distinct from 'feed:' || split_part(topic, ':', 2) || ':' || nullif(auth.jwt() ->> 'sub', '') then
    raise exception 'You do not have permissions to read from this feed' using errcode = '42501';
  end if;
  return msc_feed.since(topic, after, least(greatest(max, 1), 1000));
end $$;
revoke all on function public.msc_feed_since(text, text, int) from public;
revoke all on function msc_feed.publish(text, text, jsonb) from public;
revoke all on function msc_feed.since(text, text, int) from public;
alter table msc_feed.events enable row level security;
alter table msc_feed.state enable row level security;
alter table msc_feed.delivery enable row level security;
do $$ begin
  if exists (select 1 from pg_roles where rolname = 'authenticated') then
    grant execute on function public.msc_feed_since(text, text, int) to authenticated;
  end if;
end $$;

create or replace function msc_feed.prune(older interval, max int) returns int
  language plpgsql security definer set search_path = '' as $$
declare
  gone int;
  last xid8;
begin
  with old as (
    select id from msc_feed.events where inserted_at < now() - older order by id limit max
  ), deleted as (
    delete from msc_feed.events as e using old where e.id = old.id returning e.xid
  )
  select count(*), (select xid from deleted order by xid desc limit 1) into gone, last from deleted;
  if gone > 0 then
    update msc_feed.state set floor = greatest(floor, ((last::text::bigint + 1)::text)::xid8);
  end if;
  return gone;
end $$;
update msc_feed.delivery set deliver = 'relay' where deliver <> 'relay';

-- Who may join: the owner named in the topic. Nobody may send on a feed; only the database does.
do $$ begin
  if to_regclass('realtime.messages') is not null then
    drop policy if exists "owners join their feeds" on realtime.messages;
    create policy "owners join their feeds" on realtime.messages for select to authenticated
      using (
        -- The whole of what follows the table, for an owner's id may have colons too.
        realtime.topic() = 'feed:' || split_part(realtime.topic(), ':', 2) || ':' || (select nullif(auth.jwt() ->> 'sub', ''))
      );
  end if;
end $$;

drop trigger if exists msc_feed on public.notifications;
create trigger msc_feed after insert or update or delete on public.notifications
  for each row execute function msc_feed.on_change('user_id');
drop trigger if exists msc_feed on public.releases;
create trigger msc_feed after insert or update or delete on public.releases
  for each row execute function msc_feed.on_change('user_id');
