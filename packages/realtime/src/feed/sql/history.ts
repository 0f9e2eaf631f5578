/** What came after a cursor (see `position.ts`), for the server and, as Supabase's PostgREST calls it, for a user. */
export const HISTORY = `
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
`
