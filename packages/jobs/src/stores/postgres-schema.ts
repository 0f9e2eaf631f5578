// All that a worker does is one call of one function, so each is atomic in one round trip, over a pool or a pooler.
// A run is in exactly one place: ready, waiting for `wake_at`, leased, blocked on a slot, or ended.
//
// Who changes how many work under a key (`slots`) holds an advisory lock on it until it commits; otherwise a run could be
// blocked by a slot that is given back in the same moment, and wait for ever. Several are taken in order, or only tried.

/** The version that the functions below belong to. Tables only grow; functions are replaced. */
export const VERSION = 3

export const TABLES: string = `
create schema if not exists msc_jobs;
create table if not exists msc_jobs.version (version int not null);
create table if not exists msc_jobs.runs (
  id text primary key, job text not null, events text not null, carrier text not null, status text not null,
  attempt int not null default 0, epoch int not null default 0,
  created_at bigint not null, started_at bigint, ended_at bigint, rank bigint not null,
  ready boolean not null default false, wake_at bigint, lease_owner text, lease_until bigint, blocked_on text,
  signalled boolean not null default false, slots text, parent_run text, parent_key text,
  failure text, result text, error text, replay_of text
);
create index if not exists runs_ready on msc_jobs.runs (rank, id) where ready;
create index if not exists runs_timer on msc_jobs.runs (wake_at) where wake_at is not null;
create index if not exists runs_lease on msc_jobs.runs (lease_until) where lease_until is not null;
create index if not exists runs_blocked on msc_jobs.runs (blocked_on, rank, id) where blocked_on is not null;
create index if not exists runs_recent on msc_jobs.runs (created_at, id);
create index if not exists runs_ended on msc_jobs.runs (ended_at) where ended_at is not null;
create table if not exists msc_jobs.steps (
  run_id text not null, key text not null, seq int not null, status text not null, attempts int not null,
  started_at bigint not null, ended_at bigint, output text, error text, wake_at bigint, primary key (run_id, key)
);
create table if not exists msc_jobs.waits (
  run_id text not null, key text not null, event text not null, path text, value text, until bigint not null,
  primary key (run_id, key)
);
create index if not exists waits_event on msc_jobs.waits (event, path, value);
create table if not exists msc_jobs.slots (key text not null, run_id text not null, primary key (key, run_id));
create index if not exists slots_run on msc_jobs.slots (run_id);
create table if not exists msc_jobs.gates (
  key text primary key, value text not null, version bigint not null, expires_at bigint not null
);
-- By what their ids begin with, whatever the database's collation.
create index if not exists runs_by_event on msc_jobs.runs (id collate "C");
-- Events of a debounce or a batch, whose run's id is made of another one.
create table if not exists msc_jobs.gathered (event_id text not null, run_id text not null, primary key (event_id, run_id));
create index if not exists gathered_run on msc_jobs.gathered (run_id);
create table if not exists msc_jobs.pauses (job text primary key);
`

export const FUNCTIONS: string = `
-- JSON text as jsonb writes it, so that equal values are equal text. jsonb has no U+0000.
create or replace function msc_jobs.canonical(value text) returns jsonb language sql immutable as $$
  select replace(value, '\\u0000', '\\ufffd')::jsonb
$$;

create or replace function msc_jobs.lock_slots(run_ids text[]) returns void language plpgsql as $$
declare each record;
begin
  for each in select distinct hashtextextended(key, 0) as hash from msc_jobs.slots where run_id = any (run_ids) order by 1 loop
    perform pg_advisory_xact_lock(each.hash);
  end loop;
end $$;

create or replace function msc_jobs.unblock(slot text) returns void language sql as $$
  update msc_jobs.runs set ready = true, blocked_on = null where id = (
    select id from msc_jobs.runs where blocked_on = slot order by rank, id limit 1 for update)
$$;

create or replace function msc_jobs.vacate(run text) returns void language plpgsql as $$
declare held text;
begin
  for held in delete from msc_jobs.slots where run_id = run returning key loop
    perform msc_jobs.unblock(held);
  end loop;
end $$;

create or replace function msc_jobs.settle(run text, step text, new_status text, new_output text, new_error text, at bigint)
returns void language plpgsql as $$
begin
  delete from msc_jobs.waits where run_id = run and key = step;
  update msc_jobs.steps set status = new_status, ended_at = at, output = new_output, error = new_error, wake_at = null
    where run_id = run and key = step and status = 'waiting';
  if found then
    update msc_jobs.runs set signalled = lease_owner is not null, ready = ready or wake_at is not null, wake_at = null
      where id = run and ended_at is null;
  end if;
end $$;

create or replace function msc_jobs.finish(run text, new_status text, new_result text, new_error text, at bigint)
returns void language plpgsql as $$
declare ended record;
begin
  update msc_jobs.runs set ready = false, wake_at = null, lease_owner = null, lease_until = null, blocked_on = null,
    status = new_status, ended_at = at, result = new_result, error = new_error
    where id = run and ended_at is null returning * into ended;
  if not found then return; end if;
  delete from msc_jobs.waits where run_id = run;
  if ended.slots is not null then perform msc_jobs.vacate(run); end if;
  if ended.parent_run is not null then
    perform msc_jobs.settle(ended.parent_run, ended.parent_key, case new_status when 'completed' then 'completed' else 'failed' end,
      new_result, case new_status when 'completed' then null
        else coalesce(new_error, json_build_object('name', 'Error', 'message', ended.job || ' was cancelled.')::text) end, at);
  end if;
end $$;

create or replace function msc_jobs.cancel(run text, at bigint) returns boolean language plpgsql as $$
begin
  perform msc_jobs.lock_slots(array[run]);
  perform 1 from msc_jobs.runs where id = run and ended_at is null for update;
  if not found then return false; end if;
  perform msc_jobs.finish(run, 'cancelled', null, null, at);
  perform pg_notify('msc_jobs', '');
  return true;
end $$;

create or replace function msc_jobs.save_step(run text, step json) returns boolean language plpgsql as $$
begin
  insert into msc_jobs.steps as known (run_id, key, seq, status, attempts, started_at, ended_at, output, error, wake_at)
  values (run, step->>'key', (step->>'seq')::int, step->>'status', (step->>'attempts')::int, (step->>'startedAt')::bigint,
    (step->>'endedAt')::bigint, (step->'output')::text, (step->'error')::text, (step->>'wakeAt')::bigint)
  on conflict (run_id, key) do update set status = excluded.status, attempts = excluded.attempts,
    ended_at = excluded.ended_at, output = excluded.output, error = excluded.error, wake_at = excluded.wake_at
    where known.status not in ('completed', 'failed');
  return found;
end $$;

create or replace function msc_jobs.listen_for(run text, step text, awaited json) returns void language sql as $$
  insert into msc_jobs.waits (run_id, key, event, path, value, until)
  values (run, step, awaited->>'event', awaited->>'path', msc_jobs.canonical(awaited->>'value')::text, (awaited->>'until')::bigint)
  on conflict (run_id, key) do update set event = excluded.event, path = excluded.path, value = excluded.value, until = excluded.until
$$;

create or replace function msc_jobs.gather(run text, events json) returns void language sql as $$
  insert into msc_jobs.gathered (event_id, run_id) select e->>'id', run from json_array_elements(events) as e on conflict do nothing
$$;

create or replace function msc_jobs.insert_runs(new_runs json) returns void language plpgsql as $$
declare each json; step json; awaited json; index int;
begin
  for each in
    with inserted as (
      insert into msc_jobs.runs (id, job, events, carrier, status, created_at, rank, ready, wake_at, slots, parent_run, parent_key, replay_of)
      select r->>'id', r->>'job', (r->'events')::text, (r->'carrier')::text, 'queued', (r->>'createdAt')::bigint, (r->>'rank')::bigint,
        coalesce((r->>'wakeAt')::bigint <= (r->>'createdAt')::bigint, true),
        case when (r->>'wakeAt')::bigint > (r->>'createdAt')::bigint then (r->>'wakeAt')::bigint end,
        (r->'slots')::text, r->'parent'->>'runId', r->'parent'->>'key', r->>'replayOf'
      from json_array_elements(new_runs) as r on conflict do nothing returning id)
    select r from json_array_elements(new_runs) as r join inserted on inserted.id = r->>'id'
      where r->'steps' is not null or r->'cancelOn' is not null or json_array_length(r->'events') > 1
        or (r->>'gathered')::boolean
  loop
    if json_array_length(each->'events') > 1 or (each->>'gathered')::boolean then perform msc_jobs.gather(each->>'id', each->'events'); end if;
    for step in select json_array_elements(coalesce(each->'steps', '[]')) loop
      perform msc_jobs.save_step(each->>'id', step);
    end loop;
    index := 0;
    for awaited in select json_array_elements(coalesce(each->'cancelOn', '[]')) loop
      perform msc_jobs.listen_for(each->>'id', E'\\x01cancel:' || index, awaited);
      index := index + 1;
    end loop;
  end loop;
end $$;

create or replace function msc_jobs.deliver(event json, at bigint) returns void language plpgsql as $$
declare waiter record; targets text[] := '{}'; content jsonb;
begin
  perform 1 from msc_jobs.waits where waits.event = deliver.event->>'name' limit 1;
  if not found then return; end if;
  content := msc_jobs.canonical(event::text);
  for waiter in
    select w.run_id, w.key from (select distinct path from msc_jobs.waits where waits.event = deliver.event->>'name') as paths
      join msc_jobs.waits as w on w.event = deliver.event->>'name' and w.path is not distinct from paths.path
        and w.value is not distinct from (content #> string_to_array(paths.path, '.'))::text
      where w.until > at order by w.run_id, w.key
  loop
    if left(waiter.key, 1) = E'\\x01' then perform msc_jobs.cancel(waiter.run_id, at);
    else perform msc_jobs.settle(waiter.run_id, waiter.key, 'completed', event::text, null, at);
    end if;
  end loop;
end $$;

create or replace function msc_jobs.enqueue(batch json) returns boolean language plpgsql as $$
declare each json; at bigint := (batch->>'now')::bigint; due boolean;
begin
  begin
    for each in select json_array_elements(coalesce(batch->'gates', '[]')) loop
      if (each->>'version')::bigint = 0 then
        insert into msc_jobs.gates (key, value, version, expires_at)
          values (each->>'key', each->>'value', 1, (each->>'expiresAt')::bigint) on conflict do nothing;
      else
        update msc_jobs.gates set value = each->>'value', version = version + 1, expires_at = (each->>'expiresAt')::bigint
          where key = each->>'key' and version = (each->>'version')::bigint;
      end if;
      if not found then raise exception using errcode = 'MJ001'; end if;
    end loop;
    for each in select json_array_elements(coalesce(batch->'amend', '[]')) loop
      due := (each->>'wakeAt')::bigint <= at;
      update msc_jobs.runs set ready = due, wake_at = case when due then null else (each->>'wakeAt')::bigint end,
        events = coalesce((each->'replace')::text,
          left(events, -1) || ',' || substr((each->'append')::text, 2))
        where id = each->>'id' and wake_at is not null and status = 'queued';
      if not found then raise exception using errcode = 'MJ001'; end if;
      perform msc_jobs.gather(each->>'id', coalesce(each->'replace', each->'append'));
    end loop;
  exception when sqlstate 'MJ001' then return false;
  end;
  for each in select json_array_elements(batch->'events') loop
    perform msc_jobs.deliver(each, at);
  end loop;
  perform msc_jobs.insert_runs(batch->'runs');
  perform pg_notify('msc_jobs', '');
  return true;
end $$;

create or replace function msc_jobs.give_up(run text) returns void language plpgsql as $$
begin
  update msc_jobs.runs set ready = true, wake_at = null, lease_owner = null, lease_until = null, blocked_on = null,
    signalled = false, status = 'waiting' where id = run;
  perform msc_jobs.vacate(run);
end $$;

create or replace function msc_jobs.release(gone text, held text[]) returns int language plpgsql as $$
declare freed text[]; each text;
begin
  select array_agg(id) into freed from (
    select id from msc_jobs.runs where lease_owner = gone and not id = any(held) for update skip locked) as theirs;
  if freed is null then return 0; end if;
  perform msc_jobs.lock_slots(freed);
  foreach each in array freed loop perform msc_jobs.give_up(each); end loop;
  perform pg_notify('msc_jobs', '');
  return cardinality(freed);
end $$;

create or replace function msc_jobs.take(worker text, at bigint, lease_ms bigint, most int)
returns table (id text, job text, events text, carrier text, status text, attempt int, epoch int, created_at bigint,
  started_at bigint, ended_at bigint, failure text, result text, error text, replay_of text, steps text) language plpgsql
-- To plan the search for the next ones takes five times as long as the search.
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  each text; paused text[]; candidate record; slot json; obstacle text; others text[];
  taken int := 0; seen int; skipped text[] := '{}'; blocked boolean;
begin
  -- To look whether there are any is much less than to change those that there are.
  if (select r.wake_at from msc_jobs.runs as r where r.wake_at is not null order by r.wake_at limit 1) <= at then
    update msc_jobs.runs set ready = true, wake_at = null where id in (
      select id from msc_jobs.runs where wake_at <= at order by wake_at limit 1000 for update skip locked);
  end if;
  select coalesce(array_agg(job), '{}') into paused from msc_jobs.pauses;
  loop
    seen := 0;
    for candidate in
      select r.id, r.job, r.slots from msc_jobs.runs as r where r.ready and r.id <> all (skipped)
        order by r.rank, r.id limit most - taken for update skip locked
    loop
      seen := seen + 1;
      obstacle := case when '*' = any (paused) then 'pause:*' when candidate.job = any (paused) then 'pause:' || candidate.job end;
      blocked := false;
      others := '{}';
      if obstacle is null and candidate.slots is not null then
        for slot in select json_array_elements(candidate.slots::json) loop
          if not pg_try_advisory_xact_lock(hashtextextended(slot->>'key', 0)) then
            -- Somebody is changing how many there are: it will be seen the next time.
            blocked := true;
            exit;
          end if;
          if (select count(*) from msc_jobs.slots where key = slot->>'key') >= (slot->>'limit')::int then
            obstacle := coalesce(obstacle, slot->>'key');
          else
            others := others || (slot->>'key');
          end if;
        end loop;
      end if;
      if blocked then
        skipped := skipped || candidate.id;
      elsif obstacle is not null then
        update msc_jobs.runs as r set ready = false, blocked_on = obstacle where r.id = candidate.id;
        -- It had been let go for the sake of another slot, which is free for the next one.
        foreach each in array others loop perform msc_jobs.unblock(each); end loop;
      else
        update msc_jobs.runs as r set ready = false, status = 'running', epoch = r.epoch + 1, lease_owner = worker,
          lease_until = at + lease_ms, started_at = coalesce(r.started_at, at) where r.id = candidate.id
          returning r.id, r.job, r.events, r.carrier, r.status, r.attempt, r.epoch, r.created_at, r.started_at, r.ended_at,
            r.failure, r.result, r.error, r.replay_of
          into id, job, events, carrier, status, attempt, epoch, created_at, started_at, ended_at, failure, result, error, replay_of;
        steps := case when epoch > 1 or replay_of is not null then
          (select json_agg(s)::text from msc_jobs.steps as s where s.run_id = candidate.id) end;
        return next;
        if candidate.slots is not null then
          insert into msc_jobs.slots (key, run_id)
            select s->>'key', candidate.id from json_array_elements(candidate.slots::json) as s on conflict do nothing;
        end if;
        taken := taken + 1;
      end if;
    end loop;
    exit when seen = 0 or taken >= most;
  end loop;
end $$;

-- Apart from take, because it waits for locks: who already has some from a write must not.
create or replace function msc_jobs.expire(at bigint) returns int language plpgsql as $$
declare expired text[]; each text;
begin
  if (select lease_until from msc_jobs.runs where lease_until is not null order by lease_until limit 1) <= at then
    select array_agg(late.id) into expired from (
      select id from msc_jobs.runs where lease_until <= at for update skip locked) as late;
    if expired is not null then
      perform msc_jobs.lock_slots(expired);
      foreach each in array expired loop perform msc_jobs.give_up(each); end loop;
    end if;
  end if;
  return coalesce(cardinality(expired), 0);
end $$;

create or replace function msc_jobs.write_one(change json) returns text language plpgsql as $$
declare
  own record; step json; awaited json; at bigint := (change->>'now')::bigint; run text := change->>'id';
  outcome text := 'written'; due boolean; until bigint;
begin
  select r.signalled, r.slots into own from msc_jobs.runs as r
    where r.id = run and r.epoch = (change->>'epoch')::int and r.lease_owner is not null for update;
  if not found then return 'lost'; end if;
  for step in select json_array_elements(coalesce(change->'steps', '[]')) loop
    if not msc_jobs.save_step(run, step) then
      outcome := 'settled';
      continue;
    end if;
    awaited := change->'waits'->(step->>'key');
    if awaited is not null then perform msc_jobs.listen_for(run, step->>'key', awaited);
    elsif step->>'wakeAt' is null and (step->>'attempts')::int = 0 then
      delete from msc_jobs.waits where run_id = run and key = step->>'key';
    end if;
  end loop;
  if change->'spawn' is not null then perform msc_jobs.insert_runs(change->'spawn'); end if;
  if change->'failure' is not null then
    update msc_jobs.runs set failure = (change->'failure')::text where id = run;
  end if;
  if change->'park' is not null then
    until := (change->'park'->>'wakeAt')::bigint;
    due := own.signalled or until <= at;
    update msc_jobs.runs set lease_owner = null, lease_until = null, blocked_on = null, status = 'waiting', signalled = false,
      attempt = (change->'park'->>'attempt')::int, ready = due, wake_at = case when due then null else until end where id = run;
    if own.slots is not null then perform msc_jobs.vacate(run); end if;
  end if;
  if change->'end' is not null then
    perform msc_jobs.finish(run, change->'end'->>'status',
      case when change->'end'->>'status' = 'completed' then coalesce((change->'end'->'result')::text, 'null') end,
      (change->'end'->'error')::text, at);
  end if;
  return outcome;
end $$;

create or replace function msc_jobs.write(changes json) returns json language plpgsql as $$
declare each json; outcomes text[] := '{}'; ids text[]; stirred boolean := false;
begin
  select array_agg(c->>'id') into ids from json_array_elements(changes) as c where c->'park' is not null or c->'end' is not null;
  if ids is not null then perform msc_jobs.lock_slots(ids); end if;
  for each in select json_array_elements(changes) loop
    outcomes := outcomes || msc_jobs.write_one(each);
    stirred := stirred or each->'spawn' is not null;
  end loop;
  if stirred then perform pg_notify('msc_jobs', ''); end if;
  return to_json(outcomes);
end $$;

create or replace function msc_jobs.prune(at bigint, completed_before bigint, failed_before bigint, keep bigint, most int)
returns int language plpgsql as $$
declare gone text[];
begin
  select array_agg(id) into gone from (
    (select id from msc_jobs.runs where ended_at is not null
      and ended_at < case when status = 'completed' then completed_before else failed_before end order by ended_at limit most)
    union
    (select id from msc_jobs.runs where ended_at is not null order by ended_at desc offset keep limit most)
    limit most) as old;
  delete from msc_jobs.gates where expires_at <= at;
  if gone is null then return 0; end if;
  delete from msc_jobs.steps where run_id = any (gone);
  delete from msc_jobs.gathered where run_id = any (gone);
  delete from msc_jobs.runs where id = any (gone);
  return cardinality(gone);
end $$;
`
