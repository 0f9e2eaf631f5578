-- Feeds that tell no gap to a quiet topic when rows of others are pruned, and whose migration waits for writers. Made by `feedMigration` of @msc/realtime/server.
do $msc$
declare
  names text := (
    select string_agg(c.oid::regclass::text, ', ' order by n.nth)
      from unnest(array['public.notifications', 'public.releases', 'realtime.messages', 'msc_feed.events', 'msc_feed.state', 'msc_feed.readers', 'msc_feed.delivery', 'msc_feed.pruned']) with ordinality as n (name, nth) join pg_class as c on c.oid = to_regclass(n.name)
      where c.relkind in ('r', 'p') and pg_has_role(c.relowner, 'usage'));
  before text := current_setting('lock_timeout');
begin
  perform pg_advisory_xact_lock(hashtextextended('msc_feed.migration', 0));
  if names is null then return; end if;
  perform set_config('lock_timeout', '200ms', true);
  for attempt in 1..200 loop
    begin
      execute 'lock table ' || names || ' in access exclusive mode';
      exit;
    exception when lock_not_available then
      if attempt = 200 then raise; end if;
      perform pg_sleep(0.05 * random());
    end;
  end loop;
  perform set_config('lock_timeout', before, true);
end $msc$;

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
          when 'number' then case when case
            when length(e.value #>> '{}') < 16 then true
            when abs((e.value #>> '{}')::numeric) between 2.3e-308 and 1.79e308
              then (e.value #>> '{}')::numeric = (((e.value #>> '{}')::double precision)::text)::numeric
            else (e.value #>> '{}')::numeric = 0
          end then e.value else to_jsonb(e.value #>> '{}') end
          when 'object' then msc_feed.exact(e.value) when 'array' then msc_feed.exact(e.value)
          else e.value end), '{}')
        from jsonb_each(value) as e);
    when 'array' then
      return (select coalesce(jsonb_agg(case jsonb_typeof(e.value)
          when 'number' then case when case
            when length(e.value #>> '{}') < 16 then true
            when abs((e.value #>> '{}')::numeric) between 2.3e-308 and 1.79e308
              then (e.value #>> '{}')::numeric = (((e.value #>> '{}')::double precision)::text)::numeric
            else (e.value #>> '{}')::numeric = 0
          end then e.value else to_jsonb(e.value #>> '{}') end
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

-- A column that is added locks out everybody for a moment, so only where it is missing. Neither rewrites the table.
do $$ begin
  if not exists (select from pg_attribute where attrelid = 'msc_feed.events'::regclass and attname = 'target' and not attisdropped) then
    alter table msc_feed.events
      -- The account of who wrote a channel's message, or did something to one.
      add column author text,
      -- The row of the message that something was done to. Then the event says what, and the payload has the message's event, and
      -- as 'value' what the message carries from now on or the name of a reaction.
      add column target bigint;
  end if;
end $$;
create index if not exists events_by_target on msc_feed.events (target, event, id) where target is not null;
-- The latest messages of a channel are found however much was done to them.
create index if not exists messages_by_topic on msc_feed.events (topic, id) where target is null and not starts_with(topic, 'feed:');

-- Where most of what was done was done to one message, the planner takes all for like that, and would read the whole table for any:
-- that is what enable_seqscan is about.

-- Does something to a message of a channel. One after the other for each message: what is done to it commits in the order of its
-- ids, so that all who hear of it, and the history, end with the same. 'kept' has the row; 'same': it was so already; 'unknown':
-- there is no such message, or no more; 'full': it has as many names of reactions, or actions, as it may have.
create or replace function msc_feed.act(
    topic text, private boolean, target bigint, action text, value jsonb, author text, since timestamptz, names int, actions int,
    out outcome text, out written bigint)
  language plpgsql security definer set search_path = '' set enable_seqscan = off as $$
#variable_conflict use_variable
declare
  of_message text;
  done bigint;
  is_there boolean;
begin
  perform pg_advisory_xact_lock(hashtextextended('msc_feed.act', target));
  select e.event into of_message from msc_feed.events as e
    where e.id = target and e.topic = topic and e.private = private and e.target is null and e.raw is null and e.inserted_at >= since;
  if of_message is null or exists (select from msc_feed.events as e where e.target = target and e.event = 'delete') then
    outcome := 'unknown';
    return;
  end if;
  if action in ('react', 'unreact') then
    select e.event = 'react' into is_there from msc_feed.events as e
      where e.target = target and e.author = author and e.event in ('react', 'unreact') and e.payload -> 'value' = value
      order by e.id desc limit 1;
    if coalesce(is_there, false) = (action = 'react') then
      outcome := 'same';
      return;
    end if;
  end if;
  if action in ('update', 'react') then
    select count(*) into done from (select from msc_feed.events as e where e.target = target limit actions) as acted;
    if done >= actions then
      outcome := 'full';
      return;
    end if;
  end if;
  if action = 'react' then
    select count(*), coalesce(bool_or(r.name = value), false) into done, is_there from (
      select distinct r.name from msc_feed.reactions(target) as r
    ) as r;
    if done >= names and not is_there then
      outcome := 'full';
      return;
    end if;
  end if;
  outcome := 'kept';
  written := msc_feed.publish(topic, action, jsonb_build_object('event', of_message, 'value', value), private, null, author, target);
end $$;

-- Who has reacted to a message and not taken it back, in the order in which they did.
create or replace function msc_feed.reactions(target bigint) returns table (name jsonb, author text, id bigint)
  language sql stable set search_path = '' set enable_seqscan = off as $$
  select r.name, r.author, r.id from (
    select distinct on (e.payload -> 'value', e.author) e.payload -> 'value' as name, e.author, e.event, e.id
      from msc_feed.events as e where e.target = reactions.target and e.event in ('react', 'unreact')
      order by e.payload -> 'value', e.author, e.id desc
  ) as r where r.event = 'react' order by r.id
$$;

-- What has become of a message. Without an edit, a deletion or a reaction its part is null.
create or replace function msc_feed.message_state(
    message bigint, out deleted bigint, out edited bigint, out edited_at timestamptz, out payload jsonb, out reactions jsonb)
  language plpgsql stable set search_path = '' set enable_seqscan = off as $$
#variable_conflict use_variable
begin
  select e.id into deleted from msc_feed.events as e where e.target = message and e.event = 'delete' limit 1;
  if deleted is not null then return; end if;
  select e.id, e.inserted_at, e.payload -> 'value' into edited, edited_at, payload
    from msc_feed.events as e where e.target = message and e.event = 'update' order by e.id desc limit 1;
  select jsonb_object_agg(n.name #>> '{}', jsonb_build_object('total', n.total, 'by', to_jsonb(n.by[1:20]))) into reactions
    from (
      select r.name, count(*) as total, array_agg(r.author order by r.id) as by
        from msc_feed.reactions(message) as r group by r.name
    ) as n;
end $$;
-- What a message weighs in a page, about: its payload of now, and who has reacted, of whom only the first of each name are told.
create or replace function msc_feed.weight(message bigint, bytes int) returns bigint
  language sql stable set search_path = '' set enable_seqscan = off as $$
  select coalesce((
      select a.bytes from msc_feed.events as a where a.target = weight.message and a.event = 'update' order by a.id desc limit 1
    ), weight.bytes) + least((
      select coalesce(sum(octet_length(a.author) + 16), 0) from msc_feed.events as a
        where a.target = weight.message and a.event = 'react'
    ), 100000)
$$;
revoke all on function msc_feed.weight(bigint, int) from public;
revoke all on function msc_feed.act(text, boolean, bigint, text, jsonb, text, timestamptz, int, int) from public;
revoke all on function msc_feed.reactions(bigint) from public;
revoke all on function msc_feed.message_state(bigint) from public;

create table if not exists msc_feed.readers (
  -- Of the feed's topics, up to the group.
  prefix text primary key,
  -- With its schema, quoted.
  members_table text not null,
  group_column text not null,
  user_column text not null
);
alter table msc_feed.readers enable row level security;

-- Whoever is in such a topic, or in one that begins with it, may be there no more: everybody, where no user is named. In the outbox,
-- so that it comes before all that is written afterwards. No table has a colon in its name.
create or replace function msc_feed.send_away(topic text, usr text) returns void
  language plpgsql security definer set search_path = '' as $$
declare
  own xid8 := pg_current_xact_id();
  said jsonb := jsonb_build_object('topic', send_away.topic, 'user', send_away.usr);
  written bigint;
begin
  insert into msc_feed.events as e (topic, event, payload, bytes, xid, snapshot)
    values ('feed!:access', 'LEAVE', said, octet_length(said::text), own, msc_feed.snapshot(own, pg_current_snapshot())) returning e.id into written;
  perform pg_notify('msc_feed', written::text);
end $$;
revoke all on function msc_feed.send_away(text, text) from public;

-- The group and the user are compared as their columns have them, for the index, and as topics and tokens write them.
create or replace function msc_feed.may_read(topic text, sub text) returns boolean
  language plpgsql stable security definer set search_path = '' as $$
declare
  start text := 'feed:' || split_part(may_read.topic, ':', 2) || ':';
  named text := substr(may_read.topic, length(start) + 1);
  rule msc_feed.readers;
  types text[];
  found boolean;
begin
  -- The whole of what follows the table, for an owner's id may have colons too.
  if coalesce(may_read.sub, '') = '' or not coalesce(starts_with(may_read.topic, start), false) then return false; end if;
  select r.* into rule from msc_feed.readers as r where r.prefix = start;
  -- A group's id that is also a user's says nothing of the user.
  if rule.prefix is null then return named = may_read.sub; end if;
  select array_agg(format_type(a.atttypid, null) order by w.nth) into types
    from unnest(array[rule.group_column, rule.user_column]) with ordinality as w (name, nth)
    join pg_attribute as a on a.attrelid = rule.members_table::regclass and a.attname = w.name;
  execute format('select exists (select from %s as m where m.%I = $1::%s and m.%I = $2::%s
      and to_jsonb(m.%2$I) #>> ''{}'' = $1 and to_jsonb(m.%4$I) #>> ''{}'' = $2)',
    rule.members_table, rule.group_column, types[1], rule.user_column, types[2])
    into found using named, may_read.sub;
  return found;
exception when data_exception then
  -- What is no id of that kind.
  return false;
end $$;
-- Its schema is closed to users: only policies, which know it already, call it in their name.
revoke all on function msc_feed.may_read(text, text) from public;
do $$ begin
  if exists (select 1 from pg_roles where rolname = 'authenticated') then
    grant execute on function msc_feed.may_read(text, text) to authenticated;
  end if;
end $$;

-- Whoever is taken out of a group. One of two equal rows says it too: those who still may come back at once, and of two
-- transactions that take out one each neither could see that it is the last. Argument: the table, as in msc_feed.readers.
create or replace function msc_feed.on_leave() returns trigger
  language plpgsql security definer set search_path = '' as $$
declare
  was jsonb := to_jsonb(old);
  stays jsonb := case when tg_op = 'UPDATE' then to_jsonb(new) end;
  rule msc_feed.readers;
begin
  for rule in select r.* from msc_feed.readers as r where r.members_table = tg_argv[0] loop
    continue when was ->> rule.group_column is null or was ->> rule.user_column is null;
    continue when was ->> rule.group_column = stays ->> rule.group_column
      and was ->> rule.user_column = stays ->> rule.user_column;
    perform msc_feed.send_away(rule.prefix || (was ->> rule.group_column), was ->> rule.user_column);
  end loop;
  return null;
end $$;
create or replace function msc_feed.on_disband() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  perform msc_feed.send_away(r.prefix, null) from msc_feed.readers as r where r.members_table = tg_argv[0];
  return null;
end $$;

-- The rows of a topic that came after a cursor, oldest first, and the cursor behind them; of all topics where it is null. One
-- statement of the caller's, so that rows and position are of the same moment. Without a cursor: where the feed is now.
-- 'gap': what came after it is known no more, or the table was emptied.
create or replace function msc_feed.unheard(
    topic text, after text, max int, out gap boolean, out more boolean, out cursor text, out ids bigint[])
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_variable
declare
  epoch text := msc_feed.epoch();
  now_at pg_snapshot := pg_current_snapshot();
  whole text := split_part(after, '>', 1);
  base pg_snapshot;
  heard jsonb := '{}';
  -- Of those that were open, those that are not any more: nothing of an open transaction can have been deleted.
  ended xid8[];
  target pg_snapshot;
  past bigint := 0;
  found int;
begin
  gap := false;
  more := false;
  cursor := epoch || ':' || now_at;
  ids := '{}';
  if after is null then return; end if;
  base := substr(split_part(whole, '+', 1), 38)::pg_snapshot;
  if whole like '%+%' then
    select jsonb_object_agg(split_part(each, '.', 1), split_part(each, '.', 2)::bigint) into heard
      from unnest(string_to_array(split_part(whole, '+', 2), ',')) as each;
  end if;
  ended := array(select open from pg_snapshot_xip(base) as open where pg_visible_in_snapshot(open, now_at));
  target := coalesce(nullif(split_part(split_part(after, '>', 2), '@', 1), '')::pg_snapshot, now_at);
  past := coalesce(nullif(split_part(after, '@', 2), '')::bigint, 0);
  gap := substr(after, 1, 36) <> epoch or pg_snapshot_xmax(base) > pg_snapshot_xmax(now_at)
    or exists (select from msc_feed.state as s where s.floor > pg_snapshot_xmax(base) or exists (
      select from unnest(ended) as open where open < s.floor))
      -- Something was deleted, but perhaps nothing that was not heard: neither the last deleted row of a topic nor those before.
      and exists (
        select from msc_feed.pruned as p
          where (topic is null
              or p.topic in (topic, 'feed!', case when starts_with(topic, 'feed:') then 'feed!' || split_part(topic, ':', 2) end))
            and (not pg_visible_in_snapshot(p.xid, base) and coalesce((heard ->> p.xid::text)::bigint, 0) < p.id
              or not pg_visible_in_snapshot(p.prior, base)
              or exists (select from unnest(ended) as open where open < p.prior)))
    or starts_with(topic, 'feed:') and exists (select from msc_feed.events as e where e.topic = 'feed!' || split_part(topic, ':', 2)
      and e.xid >= pg_snapshot_xmin(base) and not pg_visible_in_snapshot(e.xid, base)
      and not coalesce((heard ->> e.xid::text)::bigint, 0) >= e.id);
  if gap then return; end if;
  if past = 0 then
    -- Where it begins, so that what follows goes by ids alone.
    select coalesce(min(e.id) - 1, 0) into past from msc_feed.events as e
      where (topic is null or e.topic = topic) and e.xid >= pg_snapshot_xmin(base) and not pg_visible_in_snapshot(e.xid, base);
  end if;
  -- One at least, however large.
  select coalesce(array_agg(f.id order by f.id) filter (where f.nth = 1 or (f.nth <= max and f.total <= 1000000)), '{}'),
      count(*)
    into ids, found
    from (
      select e.id, row_number() over (order by e.id) as nth, sum(e.bytes) over (order by e.id) as total
        from (
          select e.id, e.bytes from msc_feed.events as e
            where (topic is null or e.topic = topic) and e.id > past and e.xid >= pg_snapshot_xmin(base)
              and not pg_visible_in_snapshot(e.xid, base) and pg_visible_in_snapshot(e.xid, target)
              and coalesce((heard ->> e.xid::text)::bigint, 0) < e.id
            order by e.id limit max + 1
        ) as e
    ) as f;
  if found > cardinality(ids) then
    more := true;
    cursor := whole || '>' || target || '@' || ids[cardinality(ids)];
  else
    -- What was written since the first page is asked for next: whoever reads may not have heard of it, between two connections.
    more := target::text <> now_at::text;
    cursor := epoch || ':' || target;
  end if;
end $$;
drop function if exists msc_feed.since(text, text, int);

-- The same for a user, over PostgREST: only of feeds that they may join.
create or replace function public.msc_feed_since(topic text, after text default null, max int default 500) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  if not msc_feed.may_read(topic, auth.jwt() ->> 'sub') then
    raise exception 'You do not have permissions to read from this feed' using errcode = '42501';
  end if;
  return (
    select jsonb_build_object('gap', u.gap, 'more', u.more, 'cursor', u.cursor, 'events', coalesce((
        select jsonb_agg(jsonb_build_object('event', e.event,
          'payload', e.payload || jsonb_build_object('_msc', jsonb_build_object('id', 'f' || e.id,
            'cursor', own.epoch || ':' || e.snapshot || '+' || e.xid || '.' || e.id))) order by e.id)
        from msc_feed.events as e, (select msc_feed.epoch() as epoch) as own where e.id = any (u.ids)), '[]'))
    from msc_feed.unheard(topic, after, least(greatest(max, 1), 1000)) as u
  );
end $$;
revoke all on function public.msc_feed_since(text, text, int) from public;
revoke all on function msc_feed.unheard(text, text, int) from public;
do $$ begin
  if exists (select 1 from pg_roles where rolname = 'authenticated') then
    grant execute on function public.msc_feed_since(text, text, int) to authenticated;
  end if;
end $$;

-- The owners that a row's column names: one, or each of an array.
create or replace function msc_feed.owners(value jsonb) returns text[]
  language sql immutable strict set search_path = '' as $$
  select case jsonb_typeof(value)
    when 'array' then (select coalesce(array_agg(distinct each), '{}') from jsonb_array_elements_text(value) as each
      where each is not null)
    when 'null' then '{}'
    else array[value #>> '{}']
  end
$$;

-- Routed by the row's owners; a DELETE by the OLD row's, and a row that changes hands leaves the one and comes to the
-- other, so nobody ever hears of a row that is somebody else's. Arguments: the owner's column, the table as topics name
-- it, its name and its schema, and 'members' where the owner is a group. Those of the trigger's own table would be a
-- partition's.
create or replace function msc_feed.on_change() returns trigger
  language plpgsql security definer set search_path = '' as $$
declare
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  now_value jsonb := new_row -> tg_argv[0];
  then_value jsonb := old_row -> tg_argv[0];
  now_own text[] := '{}';
  then_own text[] := '{}';
  prefix text := 'feed:' || tg_argv[1] || ':';
  base jsonb := jsonb_strip_nulls(jsonb_build_object('schema', tg_argv[3], 'table', tg_argv[2], 'readers', tg_argv[4]));
  owner text;
begin
  -- Most have one owner.
  if jsonb_typeof(now_value) = 'array' then now_own := msc_feed.owners(now_value);
  elsif now_value <> 'null' then now_own := array[now_value #>> '{}'];
  end if;
  if jsonb_typeof(then_value) = 'array' then then_own := msc_feed.owners(then_value);
  elsif then_value <> 'null' then then_own := array[then_value #>> '{}'];
  end if;
  foreach owner in array then_own loop
    if owner = any (now_own) then
      perform msc_feed.publish(prefix || owner, 'UPDATE',
        base || jsonb_build_object('operation', 'UPDATE', 'record', new_row, 'old_record', old_row));
    else
      perform msc_feed.publish(prefix || owner, 'DELETE',
        base || jsonb_build_object('operation', 'DELETE', 'record', null, 'old_record', old_row));
    end if;
  end loop;
  foreach owner in array now_own loop
    if not owner = any (then_own) then
      perform msc_feed.publish(prefix || owner, 'INSERT',
        base || jsonb_build_object('operation', 'INSERT', 'record', new_row, 'old_record', null));
    end if;
  end loop;
  return null;
end $$;

-- A table that is emptied says nothing of its rows: whoever hears of them loads everything anew. On Supabase, where nobody
-- can tell all topics of a table, its owners are told, up to ten thousand of them. Arguments as above.
create or replace function msc_feed.on_truncate() returns trigger
  language plpgsql security definer set search_path = '' as $$
declare
  written bigint;
  own xid8 := pg_current_xact_id();
  topic text;
begin
  insert into msc_feed.events as e (topic, event, payload, bytes, xid, snapshot)
    values ('feed!' || tg_argv[1], 'TRUNCATE', '{}', 2, own, msc_feed.snapshot(own, pg_current_snapshot())) returning e.id into written;
  perform pg_notify('msc_feed', written::text);
  if to_regclass('realtime.subscription') is not null and (select d.deliver from msc_feed.delivery as d) = 'database' then
    for topic in execute format(
      'select distinct ''feed:'' || %L || '':'' || o from %I.%I as r, unnest(msc_feed.owners(to_jsonb(r) -> %L)) as o limit 10000',
      tg_argv[1], tg_table_schema, tg_table_name, tg_argv[0])
    loop
      begin
        perform realtime.send(jsonb_build_object('_msc', jsonb_build_object('more', true)), 'more', topic, true);
      exception when others then
        raise warning 'msc_feed: %', sqlerrm;
      end;
    end loop;
  end if;
  return null;
end $$;

create or replace function msc_feed.on_message() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  -- That is how the outbox itself speaks to all topics of a table.
  if not starts_with(new.topic, 'feed!') then
    perform msc_feed.publish(new.topic, new.event, coalesce(new.payload, '{}'), coalesce(new.private, false), new.binary_payload);
  end if;
  return null;
end $$;
-- None of them ever fails the write that calls it. They write as their caller, whom the policies may refuse.
do $do$ begin
  if to_regclass('realtime.messages') is null or to_regclass('realtime.subscription') is not null then return; end if;
  if not exists (select from pg_attribute where attrelid = 'realtime.messages'::regclass and attname = 'binary_payload') then
    alter table realtime.messages add column binary_payload bytea;
  end if;
  create index if not exists messages_by_age on realtime.messages (inserted_at);
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
  drop trigger if exists msc_feed on realtime.messages;
  -- The probes of policies have no event.
  create trigger msc_feed after insert on realtime.messages for each row
    when (new.extension = 'broadcast' and new.event is not null and (new.payload is not null or new.binary_payload is not null))
    execute function msc_feed.on_message();
end $do$;

update msc_feed.delivery set deliver = 'relay' where deliver <> 'relay';

-- Who may join: whoever may read. Nobody may send on a feed; only the database does.
do $$ begin
  if to_regclass('realtime.messages') is not null then
    drop policy if exists "owners join their feeds" on realtime.messages;
    create policy "owners join their feeds" on realtime.messages for select to authenticated
      -- Asked once, however many messages there are.
      using ((select msc_feed.may_read(realtime.topic(), auth.jwt() ->> 'sub')));
  end if;
end $$;

do $msc$
declare
  missing text := (
    select string_agg(quote_ident(wanted), ', ') from unnest(array['user_id']) as wanted
      where not exists (select from pg_attribute as a
        where a.attrelid = 'public.notifications'::regclass and a.attname = wanted and a.attnum > 0 and not a.attisdropped));
begin
  if missing is not null then
    raise exception 'The table of a feed has no column %', missing using errcode = 'undefined_column';
  end if;
end $msc$;
with gone as (delete from msc_feed.readers where prefix = 'feed:notifications:' returning prefix)
select msc_feed.send_away(prefix, null) from gone;
drop trigger if exists msc_feed on public.notifications;
create trigger msc_feed after insert or update or delete on public.notifications
  for each row execute function msc_feed.on_change('user_id', 'notifications', 'notifications', 'public');
do $msc$
declare
  part regclass;
begin
  for part in select 'public.notifications'::regclass union select relid from pg_partition_tree('public.notifications'::regclass) loop
    execute format('drop trigger if exists msc_feed_truncate on %s', part);
    execute format('create trigger msc_feed_truncate before truncate on %s for each statement execute function msc_feed.on_truncate(%L, %L, %L, %L)',
      part, 'user_id', 'notifications', 'notifications', 'public');
  end loop;
end $msc$;

do $msc$
declare
  missing text := (
    select string_agg(quote_ident(wanted), ', ') from unnest(array['user_id']) as wanted
      where not exists (select from pg_attribute as a
        where a.attrelid = 'public.releases'::regclass and a.attname = wanted and a.attnum > 0 and not a.attisdropped));
begin
  if missing is not null then
    raise exception 'The table of a feed has no column %', missing using errcode = 'undefined_column';
  end if;
end $msc$;
with gone as (delete from msc_feed.readers where prefix = 'feed:releases:' returning prefix)
select msc_feed.send_away(prefix, null) from gone;
drop trigger if exists msc_feed on public.releases;
create trigger msc_feed after insert or update or delete on public.releases
  for each row execute function msc_feed.on_change('user_id', 'releases', 'releases', 'public');
do $msc$
declare
  part regclass;
begin
  for part in select 'public.releases'::regclass union select relid from pg_partition_tree('public.releases'::regclass) loop
    execute format('drop trigger if exists msc_feed_truncate on %s', part);
    execute format('create trigger msc_feed_truncate before truncate on %s for each statement execute function msc_feed.on_truncate(%L, %L, %L, %L)',
      part, 'user_id', 'releases', 'releases', 'public');
  end loop;
end $msc$;

do $$ begin
  if to_regprocedure('cron.schedule(text, text, text)') is not null then
    perform cron.schedule('msc_feed_prune', '* * * * *', 'do $prune$ begin for n in 1..30 loop exit when msc_feed.prune(make_interval(secs => 259200), 10000) < 10000; commit; end loop; end $prune$');
  end if;
end $$;
