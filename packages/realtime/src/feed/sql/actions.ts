/**
 * What is done to messages of channels: rows of their own, which come live and are fetched as all others, and are put together when
 * the history is read as it is now.
 */
export const ACTIONS = `
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
`
