-- Columns that mean something (status, role, money) change only through functions that check who asks and whether the step is
-- one. The actor is whoever the claims name, and counts only while their session lives; a role is read from the row, never from
-- a token. Every refusal has an error code: 42501 (not yours to do), P0002 (there is no such row), MT409 (not from this state).

-- The session of the claims, which ends at sign-out, with the account and when its role changes. Tokens without one are no
-- person's.
create function public.session_is_live() returns boolean
  language sql stable security definer set search_path = '' as $$
  select coalesce(msc_sessions.is_live((auth.jwt() ->> 'session_id')::uuid), false)
$$;

create or replace function public.is_admin() returns boolean
  language sql stable security definer set search_path = '' as $$
  select exists (select 1 from public.profiles where id = auth.uid() and role = 'admin')
$$;

create policy "live session" on public.profiles as restrictive for all to authenticated
  using ((select public.session_is_live()));
create policy "live session" on public.releases as restrictive for all to authenticated
  using ((select public.session_is_live()));
create policy "live session" on public.notifications as restrictive for all to authenticated
  using ((select public.session_is_live()));
create policy "live session" on public.subscriptions as restrictive for all to authenticated
  using ((select public.session_is_live()));
create policy "live session" on public.charges as restrictive for all to authenticated
  using ((select public.session_is_live()));
create policy "live session" on realtime.messages as restrictive for all to authenticated
  using ((select public.session_is_live()));

-- Sessions end with the account and with the role that they were begun in.
create trigger sessions_end after update of role or delete on public.profiles
  for each row execute function msc_sessions.on_user_change('id', 'role');

-- Releases ---------------------------------------------------------------------------------------------------------------

alter table public.releases
  add column review_note text check (char_length(review_note) <= 2000),
  -- How often an analysis was asked for. The number is part of the id of the job, so that each request is one run.
  add column analysis_requests int not null default 0;
alter table public.releases
  add constraint releases_genre check (char_length(genre) between 1 and 50),
  add constraint releases_date check (release_date between '1900-01-01' and '2199-12-31');
create index releases_by_time on public.releases (created_at desc, id desc);

revoke all on public.releases from anon, authenticated, service_role;
grant select, delete on public.releases to authenticated;
grant insert (id, user_id, title, artist_name, genre, release_date, lyrics) on public.releases to authenticated;
grant update (title, artist_name, genre, release_date, lyrics, updated_at) on public.releases to authenticated;
grant select, update (analysis, analysed_at, updated_at) on public.releases to service_role;

-- What is submitted or live stays as it was reviewed.
drop policy "change own releases" on public.releases;
create policy "change own drafts" on public.releases for update to authenticated
  using (user_id = (select auth.uid()) and status = 'draft')
  with check (user_id = (select auth.uid()) and status = 'draft');

-- draft → submitted (its artist) → live (an admin); submitted → draft (its artist, or an admin with a reason); live → draft (an
-- admin with a reason).
create function public.move_release(release_id uuid, target text, note text default null) returns public.releases
  language plpgsql security definer set search_path = '' as $$
declare
  release public.releases;
  actor uuid := auth.uid();
  admin boolean := public.is_admin();
  allowed boolean;
begin
  if actor is null or not public.session_is_live() then
    raise exception 'Only a person who is signed in moves releases' using errcode = '42501';
  end if;
  select * into release from public.releases where id = release_id for update;
  if not found or not (release.user_id = actor or admin) then
    raise exception 'There is no such release' using errcode = 'P0002';
  end if;
  allowed := case release.status || ' to ' || target
    when 'draft to submitted' then release.user_id = actor
    when 'submitted to draft' then release.user_id = actor or admin
    when 'submitted to live' then admin
    when 'live to draft' then admin
  end;
  if allowed is null then
    raise exception 'A release that is % can not become %', release.status, target using errcode = 'MT409';
  end if;
  if not allowed then
    raise exception 'Only % may do this', case when target = 'submitted' then 'its artist' else 'an admin' end
      using errcode = '42501';
  end if;
  if target = 'draft' and release.user_id <> actor and coalesce(trim(note), '') = '' then
    raise exception 'Say why' using errcode = '23514';
  end if;
  update public.releases set
    status = target,
    review_note = case when target = 'draft' and release.user_id <> actor then trim(note) end,
    updated_at = now()
    where id = release_id returning * into release;
  return release;
end $$;

-- The job is a row of the same transaction: it can neither be forgotten nor begin before the lyrics are there.
create function public.count_analysis() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' then
    if new.lyrics is not distinct from old.lyrics then
      return new;
    end if;
    new.analysis := null;
    new.analysed_at := null;
  end if;
  if new.lyrics <> '' then
    new.analysis_requests := case when tg_op = 'UPDATE' then old.analysis_requests else 0 end + 1;
  end if;
  return new;
end $$;
create function public.ask_for_analysis() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'INSERT' or new.analysis_requests <> old.analysis_requests then
    perform msc_outbox.add('analysis', jsonb_build_object('releaseId', new.id, 'userId', new.user_id,
      'request', new.analysis_requests), 'analysis:' || new.id || ':' || new.analysis_requests);
  end if;
  return null;
end $$;
create trigger count_analysis before insert or update of lyrics on public.releases
  for each row execute function public.count_analysis();
create trigger ask_for_analysis after insert or update on public.releases
  for each row when (new.analysis_requests > 0) execute function public.ask_for_analysis();

-- Asks again for an analysis that has failed or was lost. Whether it has is the job engine's to say, which the caller asks.
create function public.analyse_again(release_id uuid) returns int
  language plpgsql security definer set search_path = '' as $$
declare
  requests int;
begin
  if auth.uid() is null or not public.session_is_live() then
    raise exception 'Only a person who is signed in asks for an analysis' using errcode = '42501';
  end if;
  update public.releases set analysis_requests = analysis_requests + 1, updated_at = now()
    where id = release_id and lyrics <> '' and analysis is null and (user_id = auth.uid() or public.is_admin())
    returning analysis_requests into requests;
  if requests is null then
    raise exception 'There is no such release, or nothing to analyse' using errcode = 'P0002';
  end if;
  return requests;
end $$;

-- Releases from before this that nobody has analysed.
update public.releases set analysis_requests = 1 where lyrics <> '' and analysis is null;

-- Accounts ---------------------------------------------------------------------------------------------------------------

revoke all on public.profiles from anon, authenticated, service_role;
grant select on public.profiles to authenticated, service_role;

-- Nobody changes their own role: the last admin could not undo it.
create function public.set_role(user_id uuid, new_role text) returns void
  language plpgsql security definer set search_path = '' as $$
begin
  if not public.session_is_live() or not public.is_admin() or auth.uid() = set_role.user_id then
    raise exception 'Only another admin may change a role' using errcode = '42501';
  end if;
  update public.profiles set role = new_role where id = set_role.user_id;
  if not found then
    raise exception 'There is no such account' using errcode = 'P0002';
  end if;
end $$;

create function public.create_account(email text, password_hash text, display_name text, new_role text) returns uuid
  language plpgsql security definer set search_path = '' as $$
declare
  account uuid := gen_random_uuid();
begin
  insert into auth.users (id, email, encrypted_password, raw_app_meta_data)
    values (account, lower(create_account.email), password_hash, jsonb_build_object('role', new_role));
  insert into public.profiles (id, email, display_name, role)
    values (account, lower(create_account.email), create_account.display_name, new_role);
  return account;
end $$;

-- With `before`, only that hash is replaced: a change of the password meanwhile must not be undone.
create function public.set_password(user_id uuid, password_hash text, before text default null) returns void
  language sql security definer set search_path = '' as $$
  update auth.users set encrypted_password = password_hash
    where id = set_password.user_id and (before is null or encrypted_password = before)
$$;

-- A new password in place of the one that was given, by a person whose session lives; all their other sessions end with it, in
-- the same transaction. False when another change was first.
create function public.change_password(user_id uuid, before text, password_hash text, in_session uuid) returns boolean
  language plpgsql security definer set search_path = '' as $$
begin
  -- Sign-ins and ends of one person take turns.
  perform msc_sessions.lock_user(change_password.user_id::text);
  if not msc_sessions.is_live(in_session) then
    return false;
  end if;
  update auth.users set encrypted_password = password_hash
    where id = change_password.user_id and encrypted_password = before;
  if not found then
    return false;
  end if;
  update msc_sessions.sessions set ended_at = now(), end_reason = 'password-changed'
    where sessions.user_id = change_password.user_id::text and id <> in_session and ended_at is null;
  return true;
end $$;

-- What signing in needs to know of an account.
create function public.credentials(email text) returns table (id uuid, password_hash text)
  language sql stable security definer set search_path = '' as $$
  select u.id, u.encrypted_password from auth.users u where lower(u.email) = lower(credentials.email)
$$;

-- Whether the hash is the same still; until the transaction ends it stays so.
create function public.hold_credentials(user_id uuid, password_hash text) returns boolean
  language plpgsql security definer set search_path = '' as $$
begin
  perform 1 from auth.users where id = hold_credentials.user_id and encrypted_password = hold_credentials.password_hash
    for share;
  return found;
end $$;

-- Money ------------------------------------------------------------------------------------------------------------------

revoke all on public.subscriptions, public.charges, public.mails from anon, authenticated, service_role;
grant select on public.subscriptions, public.charges to authenticated, service_role;
grant select, insert, update (sent_at) on public.mails to service_role;

-- The same key is the same charge, however often it is asked for; with another payer or amount it is a mistake.
create function public.charge(key text, payer uuid, reference text, cents int)
  returns table (id uuid, amount int)
  language plpgsql security definer set search_path = '' as $$
declare
  made public.charges;
begin
  insert into public.charges (id, user_id, reference, amount)
    values (md5(charge.key)::uuid, payer, charge.reference, cents) on conflict do nothing;
  select * into made from public.charges c where c.id = md5(charge.key)::uuid;
  if made.user_id <> payer or made.amount <> cents then
    raise exception 'This key has charged something else' using errcode = 'MT409';
  end if;
  return query select made.id, made.amount;
end $$;

create function public.refund(charge_id uuid) returns void
  language plpgsql security definer set search_path = '' as $$
begin
  update public.charges set refunded_at = coalesce(refunded_at, now()) where id = charge_id;
  if not found then
    raise exception 'There is no such charge' using errcode = 'P0002';
  end if;
end $$;

-- Forward by a renewal, and back when its charge is refunded; never into a future that nobody pays for.
create function public.set_paid_until(subscription_id uuid, until timestamptz) returns void
  language plpgsql security definer set search_path = '' as $$
begin
  if until > now() + interval '2 years' then
    raise exception 'A subscription is not paid for that long' using errcode = 'MT409';
  end if;
  update public.subscriptions set paid_until = until, renewal_problem = null
    where id = subscription_id and cancelled_at is null;
  if not found then
    raise exception 'There is no such subscription' using errcode = 'P0002';
  end if;
end $$;

create function public.renewal_failed(subscription_id uuid, reason text) returns void
  language sql security definer set search_path = '' as $$
  update public.subscriptions set renewal_problem = left(reason, 500) where id = subscription_id
$$;

-- Functions are everybody's until they are taken away, and Supabase gives them to its roles by name.
do $$
declare
  made regprocedure;
begin
  for made in
    select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname in (
      'session_is_live', 'is_admin', 'move_release', 'analyse_again', 'count_analysis', 'ask_for_analysis', 'set_role',
      'create_account', 'set_password', 'change_password', 'credentials', 'hold_credentials', 'charge', 'refund', 'set_paid_until', 'renewal_failed')
  loop
    execute format('revoke all on function %s from public, anon, authenticated, service_role', made);
  end loop;
end $$;
grant execute on function public.session_is_live(), public.is_admin() to authenticated, service_role;
grant execute on function public.move_release(uuid, text, text), public.analyse_again(uuid),
  public.set_role(uuid, text) to authenticated;
grant execute on function public.create_account(text, text, text, text), public.set_password(uuid, text, text),
  public.change_password(uuid, text, text, uuid),
  public.credentials(text), public.hold_credentials(uuid, text), public.charge(text, uuid, text, int), public.refund(uuid),
  public.set_paid_until(uuid, timestamptz), public.renewal_failed(uuid, text) to service_role;

-- Notices ----------------------------------------------------------------------------------------------------------------

revoke all on public.notifications from anon, authenticated, service_role;
grant select on public.notifications to authenticated;
grant update (read_at) on public.notifications to authenticated;
grant select, insert, delete on public.notifications to service_role;
