create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  email text not null,
  display_name text not null,
  role text not null default 'artist' check (role in ('artist', 'admin')),
  created_at timestamptz not null default now()
);

create table public.releases (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  title text not null check (char_length(title) between 1 and 200),
  artist_name text not null check (char_length(artist_name) between 1 and 200),
  genre text not null,
  release_date date not null,
  lyrics text not null default '' check (char_length(lyrics) <= 20000),
  status text not null default 'draft' check (status in ('draft', 'submitted', 'live')),
  analysis jsonb,
  analysed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index releases_by_user on public.releases (user_id, created_at desc);

create table public.notifications (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  type text not null,
  title text not null,
  body text not null default '',
  link text,
  -- W3C trace context of the work that caused it, so that the browser continues the same trace.
  traceparent text,
  read_at timestamptz,
  created_at timestamptz not null default now()
);
create index notifications_by_user on public.notifications (user_id, created_at desc);

alter table public.profiles enable row level security;
alter table public.releases enable row level security;
alter table public.notifications enable row level security;

-- An administrator's role is in the token's app_metadata, which a user can't write.
create function public.is_admin() returns boolean language sql stable as
  $$ select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin' $$;

create policy "own profile, admins all" on public.profiles for select to authenticated
  using (id = (select auth.uid()) or (select public.is_admin()));

create policy "own releases, admins all" on public.releases for select to authenticated
  using (user_id = (select auth.uid()) or (select public.is_admin()));
create policy "create own releases" on public.releases for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy "change own releases" on public.releases for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "delete own drafts" on public.releases for delete to authenticated
  using (user_id = (select auth.uid()) and status = 'draft');

create policy "own notifications" on public.notifications for select to authenticated
  using (user_id = (select auth.uid()));
create policy "mark own notifications read" on public.notifications for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

grant select on public.profiles to authenticated;
grant select, delete on public.releases to authenticated;
grant insert (user_id, title, artist_name, genre, release_date, lyrics) on public.releases to authenticated;
grant update (title, artist_name, genre, release_date, lyrics, status, updated_at) on public.releases to authenticated;
grant select on public.notifications to authenticated;
grant update (read_at) on public.notifications to authenticated;
grant all on public.profiles, public.releases, public.notifications to service_role;
