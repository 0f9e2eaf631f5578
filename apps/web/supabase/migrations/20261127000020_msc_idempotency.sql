
create schema msc_idempotency;

create table msc_idempotency.requests (
  key bytea primary key check (octet_length(key) = 32),
  -- The user or the address, hashed: how much is kept is limited for each.
  caller bytea not null check (octet_length(caller) = 32),
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  -- The run that has the key now. One that lost it can neither record nor release.
  claim uuid not null,
  leased_until timestamptz,
  -- Null until the request is answered.
  status smallint check (status between 200 and 499),
  headers text,
  body bytea,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  check ((status is null) = (leased_until is not null))
);
create index requests_by_expiry on msc_idempotency.requests (expires_at);
create index requests_by_caller on msc_idempotency.requests (caller, created_at desc) where status is not null;

-- No policy: only roles that bypass row level security read what others were answered.
alter table msc_idempotency.requests enable row level security;

grant usage on schema msc_idempotency to service_role;
grant select, insert, update, delete on msc_idempotency.requests to service_role;
