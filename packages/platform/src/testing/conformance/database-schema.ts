import type { DatabaseOptions } from '../../database/create-database.ts'
import type { Database, Migration } from '../../database/database.ts'
import type { DatabaseDriverSetup } from './database-driver.ts'

/** What the parts of the suite share. */
export interface TestedDatabase {
  /** Migrated with {@link SCHEMA}. */
  readonly database: Database
  readonly setup: DatabaseDriverSetup
  /** Makes another engine with a driver of its own, which the suite closes. */
  open(options?: Omit<DatabaseOptions, 'driver'>): Database
}

export const SCHEMA: Migration = {
  version: '1_conformance',
  sql: `create table public.notes (owner text not null, text text not null unique);
    alter table public.notes enable row level security;
    grant all on public.notes to service_role;
    grant select, insert on public.notes to authenticated;
    create policy own on public.notes to authenticated using (owner = auth.jwt() ->> 'sub');
    create table public.wholes (id int primary key);
    create table public.parts (whole int not null references public.wholes deferrable initially deferred);
    grant all on public.wholes, public.parts to service_role;

    -- The commit of whoever writes here waits for a lock that a test holds.
    create table public.slow (text text not null);
    grant all on public.slow to service_role;
    create function public.wait_for_lock() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock_shared(4711); return null; end $$;
    create constraint trigger wait after insert on public.slow deferrable initially deferred
      for each row execute function public.wait_for_lock();`,
}

/** Matches an error of ours with this code. */
export function code(value: string): { readonly code: string } {
  return { code: value }
}
