-- What is published is what was reviewed: an artist may take a release back, change it and submit it again while an admin reads
-- the page from before.
alter table public.releases add column version int not null default 1;

create function public.count_version() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  new.version := old.version + (
    (new.title, new.artist_name, new.genre, new.release_date, new.lyrics)
    is distinct from (old.title, old.artist_name, old.genre, old.release_date, old.lyrics))::int;
  return new;
end $$;
create trigger count_version before update on public.releases
  for each row execute function public.count_version();

-- As before, but that publishing names the version that was read.
drop function public.move_release(uuid, text, text);
create function public.move_release(release_id uuid, target text, note text default null, reviewed int default null)
  returns public.releases
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
  if target = 'live' and reviewed is distinct from release.version then
    raise exception 'Version % was read, and version % would be published', reviewed, release.version
      using errcode = 'MT409';
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

-- Changes of roles take turns: of two admins who demote each other at the same time, the second is none any more.
create or replace function public.set_role(user_id uuid, new_role text) returns void
  language plpgsql security definer set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('public.set_role', 0));
  if not public.session_is_live() or not public.is_admin() or auth.uid() = set_role.user_id then
    raise exception 'Only another admin may change a role' using errcode = '42501';
  end if;
  update public.profiles set role = new_role where id = set_role.user_id;
  if not found then
    raise exception 'There is no such account' using errcode = 'P0002';
  end if;
end $$;

revoke all on function public.move_release(uuid, text, text, int), public.count_version()
  from public, anon, authenticated, service_role;
grant execute on function public.move_release(uuid, text, text, int) to authenticated;
