// A run is in exactly one place: ready, waiting for `wake_at`, leased, blocked on a slot, or ended. Each has an index of
// its own, so that what is queued costs nothing to those who look for what is due.
export const SCHEMA: string = `
create table if not exists job_runs (
  id text primary key, job text not null, events text not null, carrier text not null, status text not null,
  attempt integer not null default 0, epoch integer not null default 0,
  created_at integer not null, started_at integer, ended_at integer, rank integer not null,
  ready integer not null default 0, wake_at integer, lease_owner text, lease_until integer, blocked_on text,
  signalled integer not null default 0, slots text, parent_run text, parent_key text,
  failure text, result text, error text, replay_of text
) strict;
create index if not exists job_runs_ready on job_runs (rank, id) where ready = 1;
create index if not exists job_runs_timer on job_runs (wake_at) where wake_at is not null;
create index if not exists job_runs_lease on job_runs (lease_until) where lease_until is not null;
create index if not exists job_runs_blocked on job_runs (blocked_on, rank) where blocked_on is not null;
create index if not exists job_runs_recent on job_runs (created_at, id);
create index if not exists job_runs_ended on job_runs (ended_at) where ended_at is not null;
create table if not exists job_steps (
  run_id text not null, key text not null, seq integer not null, status text not null,
  attempts integer not null, started_at integer not null, ended_at integer, output text, error text, wake_at integer,
  primary key (run_id, key)
) strict, without rowid;
create table if not exists job_waits (
  run_id text not null, key text not null, event text not null, path text, value text, until integer not null,
  primary key (run_id, key)
) strict, without rowid;
create index if not exists job_waits_event on job_waits (event, path, value);
create table if not exists job_slots (key text not null, run_id text not null, primary key (key, run_id)) strict, without rowid;
create index if not exists job_slots_run on job_slots (run_id);
create table if not exists job_gates (
  key text primary key, value text not null, version integer not null, expires_at integer not null
) strict, without rowid;
-- Events of a debounce or a batch, whose run's id is made of another one.
create table if not exists job_gathered (event_id text not null, run_id text not null, primary key (event_id, run_id)) strict, without rowid;
create index if not exists job_gathered_run on job_gathered (run_id);
create table if not exists job_pauses (job text primary key) strict, without rowid;
`

export const SQL = {
  gate: `select value, version from job_gates where key = ?`,
  setGate: `insert into job_gates (key, value, version, expires_at) values (?, ?, ?, ?)
    on conflict (key) do update set value = excluded.value, version = excluded.version, expires_at = excluded.expires_at`,
  insert: `insert into job_runs (id, job, events, carrier, status, created_at, rank, ready, wake_at, slots, parent_run, parent_key, replay_of)
    values (?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
  collecting: `select events from job_runs where id = ? and wake_at is not null and status = 'queued'`,
  amend: `update job_runs set events = ?, ready = ?, wake_at = ? where id = ?`,
  paths: `select distinct path from job_waits where event = ?`,
  waiters: `select run_id, key from job_waits where event = ? and path is ? and value is ? and until > ?`,
  wait: `insert or replace into job_waits (run_id, key, event, path, value, until) values (?, ?, ?, ?, ?, ?)`,
  unwait: `delete from job_waits where run_id = ? and key = ?`,
  unwaitAll: `delete from job_waits where run_id = ?`,
  promote: `update job_runs set ready = 1, wake_at = null where wake_at <= ?`,
  expired: `select id from job_runs where lease_until <= ?`,
  held: `select id from job_runs where lease_owner = ?`,
  giveUp: `update job_runs set ready = 0, wake_at = null, lease_owner = null, lease_until = null, blocked_on = null, ready = 1, signalled = 0, status = 'waiting' where id = ?`,
  ready: `select id, job, events, carrier, status, attempt, epoch, created_at, started_at, ended_at, failure, result, error, replay_of, slots
    from job_runs where ready = 1 order by rank, id limit ?`,
  paused: `select job from job_pauses`,
  pause: `insert or ignore into job_pauses (job) values (?)`,
  resume: `delete from job_pauses where job = ?`,
  unblockAll: `update job_runs set blocked_on = null, ready = 1 where blocked_on = ?`,
  taken: `select count(*) as count from job_slots where key = ?`,
  take: `insert or ignore into job_slots (key, run_id) values (?, ?)`,
  slotsOf: `select key from job_slots where run_id = ?`,
  vacate: `delete from job_slots where run_id = ?`,
  block: `update job_runs set ready = 0, blocked_on = ? where id = ?`,
  unblock: `update job_runs set ready = 1, blocked_on = null where id = (select id from job_runs where blocked_on = ? order by rank, id limit 1)`,
  claim: `update job_runs set ready = 0, status = 'running', epoch = epoch + 1, lease_owner = ?, lease_until = ?, started_at = coalesce(started_at, ?) where id = ?`,
  steps: `select * from job_steps where run_id = ? order by seq`,
  owned: `select signalled, slots is not null as slotted, parent_run, parent_key, job from job_runs where id = ? and epoch = ? and lease_owner is not null`,
  saveStep: `insert into job_steps (run_id, key, seq, status, attempts, started_at, ended_at, output, error, wake_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set status = excluded.status, attempts = excluded.attempts,
    ended_at = excluded.ended_at, output = excluded.output, error = excluded.error, wake_at = excluded.wake_at
    where status not in ('completed', 'failed')`,
  settle: `update job_steps set status = ?, ended_at = ?, output = ?, error = ?, wake_at = null where run_id = ? and key = ? and status = 'waiting'`,
  signal: `update job_runs set signalled = (lease_owner is not null), ready = max(ready, wake_at is not null), wake_at = null where id = ? and ended_at is null`,
  failing: `update job_runs set failure = ? where id = ?`,
  park: `update job_runs set ready = 0, wake_at = null, lease_owner = null, lease_until = null, blocked_on = null, status = 'waiting', attempt = ?, ready = ?, wake_at = ?, signalled = 0 where id = ?`,
  end: `update job_runs set ready = 0, wake_at = null, lease_owner = null, lease_until = null, blocked_on = null, status = ?, ended_at = ?, result = ?, error = ? where id = ?`,
  parent: `select parent_run, parent_key, slots is not null as slotted, job from job_runs where id = ? and ended_at is null`,
  renew: `update job_runs set lease_until = ? where id = ? and lease_owner = ?`,
  owners: `select distinct lease_owner as owner from job_runs where lease_until is not null`,
  anyReady: `select 1 as one from job_runs where ready = 1 limit 1`,
  nextTimer: `select min(wake_at) as at from job_runs where wake_at is not null`,
  nextLease: `select min(lease_until) as at from job_runs where lease_until is not null`,
  get: `select * from job_runs where id = ?`,
  list: `select * from job_runs where (?1 is null or status = ?1) and (?2 is null or job = ?2)
    and (?3 is null or (created_at, id) < (select created_at, id from job_runs where id = ?3))
    order by created_at desc, id desc limit ?4`,
  // Ids that begin with the event's, by the primary key; of those the ones that `isRunOf` says.
  listOf: `select * from job_runs where id in (
      select id from job_runs where id >= ?5 || '.' and id < ?5 || '/'
        and (id = ?5 || '.' || job or (substr(id, 1, length(?5) + length(job) + 2) = ?5 || '.' || job || '~'
          and substr(id, length(?5) + length(job) + 2) not glob '*[./]*'))
      union select run_id from job_gathered where event_id = ?5)
    and (?1 is null or status = ?1) and (?2 is null or job = ?2)
    and (?3 is null or (created_at, id) < (select created_at, id from job_runs where id = ?3))
    order by created_at desc, id desc limit ?4`,
  gather: `insert or ignore into job_gathered (event_id, run_id) values (?, ?)`,
  deleteGathered: `delete from job_gathered where run_id = ?`,
  depth: `select job, status, count(*) as count, min(created_at) as oldest from job_runs
    where status in ('queued', 'running', 'waiting', 'failed') group by job, status order by job`,
  overdue: `select id from job_runs where ended_at is not null and ended_at < case when status = 'completed' then ?1 else ?2 end
    order by ended_at limit ?3`,
  surplus: `select id from job_runs where ended_at is not null order by ended_at desc limit ?2 offset ?1`,
  deleteSteps: `delete from job_steps where run_id = ?`,
  deleteRun: `delete from job_runs where id = ?`,
  deleteGates: `delete from job_gates where expires_at <= ?`,
} as const

export type StatementName = keyof typeof SQL
