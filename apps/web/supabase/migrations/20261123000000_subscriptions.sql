create table public.subscriptions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null unique references auth.users (id) on delete cascade,
  plan text not null check (plan in ('solo', 'label')),
  -- In cents, for a month.
  amount int not null check (amount > 0),
  paid_until timestamptz not null,
  cancelled_at timestamptz,
  -- Why the last renewal failed; null once one has succeeded.
  renewal_problem text,
  created_at timestamptz not null default now()
);
create index subscriptions_due on public.subscriptions (paid_until) where cancelled_at is null;

create table public.charges (
  -- Derived from the key of the charge, so that one is made once however often it is asked for.
  id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  reference text not null,
  amount int not null check (amount > 0),
  refunded_at timestamptz,
  created_at timestamptz not null default now()
);
create index charges_by_user on public.charges (user_id, created_at desc);

-- What is to be sent by mail; whoever delivers it sets sent_at.
create table public.mails (
  id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  recipient text not null,
  type text not null,
  data jsonb not null,
  sent_at timestamptz,
  created_at timestamptz not null default now()
);

alter table public.subscriptions enable row level security;
alter table public.charges enable row level security;
alter table public.mails enable row level security;

create policy "own subscription, admins all" on public.subscriptions for select to authenticated
  using (user_id = (select auth.uid()) or (select public.is_admin()));
create policy "own charges, admins all" on public.charges for select to authenticated
  using (user_id = (select auth.uid()) or (select public.is_admin()));

grant select on public.subscriptions, public.charges to authenticated;
grant all on public.subscriptions, public.charges, public.mails to service_role;
