/** The triggers' functions: what becomes of a row is told its owners, and only those. */
export const TRIGGERS = `
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
`

export const POLICY = `
-- Who may join: whoever may read. Nobody may send on a feed; only the database does.
do $$ begin
  if to_regclass('realtime.messages') is not null then
    drop policy if exists "owners join their feeds" on realtime.messages;
    create policy "owners join their feeds" on realtime.messages for select to authenticated
      -- Asked once, however many messages there are.
      using ((select msc_feed.may_read(realtime.topic(), auth.jwt() ->> 'sub')));
  end if;
end $$;
`
