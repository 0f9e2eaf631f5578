/**
 * Who may read a feed: the owner whom its topic names or, where the table has a membership table, the members of the group that
 * it names. One function says so to the policies, which the embedded server and Supabase ask, and to `msc_feed_since`.
 */
export const READERS = `
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
`
