import { ConfigError, assertChoice, durationOption, type Duration } from '@msc/core'
import { ACTIONS } from './sql/actions.ts'
import { HISTORY } from './sql/history.ts'
import { OUTBOX } from './sql/outbox.ts'
import { READERS } from './sql/readers.ts'
import { MESSAGES } from './sql/supabase.ts'
import { POLICY, TRIGGERS } from './sql/triggers.ts'

/**
 * A table whose rows have an owner, who hears of their changes on the private topic `feed:<table>:<owner>`; or a group (a team, a
 * label, a room), all of whose members do.
 */
export interface FeedTable {
  readonly table: string
  /** The column with the owner's id, or with an array of ids (`text[]`, `uuid[]`, a JSON array): then each of them hears of it. */
  readonly owner: string
  /** Default `public`. Of another one the topic has the schema too: `feed:<schema>.<table>:<owner>`. */
  readonly schema?: string
  /** Where the owner is a group: who is in it, so that one event of a row reaches everybody there. */
  readonly members?: FeedMembers
}

/**
 * The table that says who is in which group: whoever has a row in it. Who has just come may join at once; who is taken out hears
 * nothing of what is written afterwards. Give it an index on both columns.
 */
export interface FeedMembers {
  readonly table: string
  /** The column with the group's id: what the feed's `owner` has. */
  readonly group: string
  /** The column with the user's id: the `sub` of their token. */
  readonly user: string
  /** Default `public`. */
  readonly schema?: string
}

export interface FeedMigrationOptions {
  /**
   * Who sends what the triggers write. `database`: on Supabase its Realtime does, at once, so a message may overtake the
   * invalidation of what it announces. `relay`: nobody but a server with `relayFeeds`, after its `before`. Applying the
   * migration with the other one changes it. Default `database`; where there is no Supabase the two are the same.
   */
  readonly deliver?: 'database' | 'relay'
  /**
   * How long history is kept where the database has `pg_cron`, as Supabase does when the extension is enabled: it deletes what is
   * older every minute. Elsewhere each `feedSource` does. Default 3 days.
   */
  readonly keep?: Duration
}

/**
 * The migration that gives tables a feed: outbox, triggers, policy. The same text for PGlite, Postgres (13 or later) and
 * Supabase, and harmless when it is applied again. A partitioned table is one table: apply it to the parent, and again when a
 * partition was added that may be emptied by itself. Without tables it is what `realtime.send` and its like need.
 *
 * @throws ConfigError `FEED_TABLE_INVALID` for a name that is not one, `OPTION_INVALID` for another way to deliver, for what is no list
 *   of tables, and for a table without `owner`.
 */
export function feedMigration(tables: readonly FeedTable[], options: FeedMigrationOptions = {}): string {
  const { deliver = 'database', keep = '3d' } = options
  assertChoice('realtime', 'deliver', deliver, ['database', 'relay'])
  const seconds = Math.round(durationOption('realtime', 'keep', keep, { mostMs: 1e13 }) / 1000)
  assertTables(tables)
  assertOnce(tables)
  const triggers = tables.map(({ table, owner, schema = 'public', members }) => {
    const on = qualified(schema, table)
    const named = schema === 'public' ? table : `${schema}.${table}`
    const args = [owner, named, table, schema].map(literal).join(', ')
    return `${columnsOf(on, [owner])}
${readersOf(`feed:${named}:`, members)}
drop trigger if exists msc_feed on ${on};
create trigger msc_feed after insert or update or delete on ${on}
  for each row execute function msc_feed.on_change(${args}${members ? ", 'members'" : ''});
${block(`declare
  part regclass;
begin
  for part in select ${literal(on)}::regclass union select relid from pg_partition_tree(${literal(on)}::regclass) loop
    execute format('drop trigger if exists msc_feed_truncate on %s', part);
    execute format('create trigger msc_feed_truncate before truncate on %s for each statement execute function msc_feed.on_truncate(%L, %L, %L, %L)',
      part, ${args});
  end loop;
end`)}`
  })
  const way = `update msc_feed.delivery set deliver = ${literal(deliver)} where deliver <> ${literal(deliver)};`
  const parts = [
    alone(tables),
    OUTBOX,
    ACTIONS,
    READERS,
    HISTORY,
    TRIGGERS,
    MESSAGES,
    way,
    POLICY,
    ...triggers,
    pruneBy(seconds),
  ]
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`
}

/** Says who may read such topics. Those who are in one are asked again when that has changed. */
function readersOf(prefix: string, members: FeedMembers | undefined): string {
  if (!members) {
    return `with gone as (delete from msc_feed.readers where prefix = ${literal(prefix)} returning prefix)
select msc_feed.send_away(prefix, null) from gone;`
  }
  const { table, group, user, schema = 'public' } = members
  const on = qualified(schema, table)
  for (const column of [group, user]) identifier(column)
  const [args, columns] = [literal(on), [group, user].map(literal).join(', ')]
  return `${columnsOf(on, [group, user])}
with changed as (
  insert into msc_feed.readers as r (prefix, members_table, group_column, user_column)
    values (${literal(prefix)}, ${args}, ${columns})
    on conflict (prefix) do update set members_table = excluded.members_table, group_column = excluded.group_column,
      user_column = excluded.user_column
    where (r.members_table, r.group_column, r.user_column)
      is distinct from (excluded.members_table, excluded.group_column, excluded.user_column)
    returning prefix
) select msc_feed.send_away(prefix, null) from changed;
drop trigger if exists msc_feed_leave on ${on};
create trigger msc_feed_leave after update or delete on ${on}
  for each row execute function msc_feed.on_leave(${args});
${block(`declare
  part regclass;
begin
  for part in select ${args}::regclass union select relid from pg_partition_tree(${args}::regclass) loop
    execute format('drop trigger if exists msc_feed_disband on %s', part);
    execute format('create trigger msc_feed_disband after truncate on %s for each statement execute function msc_feed.on_disband(%L)',
      part, ${args});
  end loop;
end`)}`
}

/**
 * Keeps the tables to itself until the migration is done, before it touches anything else. Whoever writes has the table first and
 * then the outbox; the other way round the one would wait for the other, and Postgres end the application's write. It asks for
 * them all at once and never for long, so that nobody waits behind it while it waits for one of them. Where each statement is a
 * transaction of its own, it keeps nothing.
 */
function alone(tables: readonly FeedTable[]): string {
  const names = tables.flatMap(({ table, schema = 'public', members }) => [
    qualified(schema, table),
    ...(members ? [qualified(members.schema ?? 'public', members.table)] : []),
  ])
  const own = [
    'realtime.messages',
    'msc_feed.events',
    'msc_feed.state',
    'msc_feed.readers',
    'msc_feed.delivery',
    'msc_feed.pruned',
  ]
  const all = [...new Set([...names, ...own])].map(literal).join(', ')
  return block(`declare
  names text := (
    select string_agg(c.oid::regclass::text, ', ' order by n.nth)
      from unnest(array[${all}]) with ordinality as n (name, nth) join pg_class as c on c.oid = to_regclass(n.name)
      where c.relkind in ('r', 'p') and pg_has_role(c.relowner, 'usage'));
  before text := current_setting('lock_timeout');
begin
  perform pg_advisory_xact_lock(hashtextextended('msc_feed.migration', 0));
  if names is null then return; end if;
  perform set_config('lock_timeout', '200ms', true);
  for attempt in 1..200 loop
    begin
      execute 'lock table ' || names || ' in access exclusive mode';
      exit;
    exception when lock_not_available then
      if attempt = 200 then raise; end if;
      perform pg_sleep(0.05 * random());
    end;
  end loop;
  perform set_config('lock_timeout', before, true);
end`)
}

/** Their absence is told by the migration: a trigger never fails the write that calls it, and would say nothing. */
function columnsOf(on: string, columns: readonly string[]): string {
  return block(`declare
  missing text := (
    select string_agg(quote_ident(wanted), ', ') from unnest(array[${columns.map(literal).join(', ')}]) as wanted
      where not exists (select from pg_attribute as a
        where a.attrelid = ${literal(on)}::regclass and a.attname = wanted and a.attnum > 0 and not a.attisdropped));
begin
  if missing is not null then
    raise exception 'The table of a feed has no column %', missing using errcode = 'undefined_column';
  end if;
end`)
}

/** A block of PL/pgSQL between dollars that do not end it, whatever names are in it. */
function block(body: string): string {
  let tag = 'msc'
  while (body.includes(`$${tag}$`)) tag += '_'
  return `do $${tag}$
${body} $${tag}$;`
}

/** JavaScript hands on what TypeScript would not. @throws ConfigError `OPTION_INVALID`. */
function assertTables(tables: unknown): void {
  const wrong = (message: string): ConfigError =>
    new ConfigError(`[msc/realtime] ${message}`, {
      code: 'OPTION_INVALID',
      hint: "Pass a list, each with its table and the column of the owner: `[{ table: 'items', owner: 'user_id' }]`.",
    })
  if (!Array.isArray(tables)) throw wrong('The tables of the feeds are no list.')
  for (const each of tables as unknown[]) {
    const { table, owner } = Object(each) as { readonly table?: unknown; readonly owner?: unknown }
    if (typeof owner !== 'string' || owner === '' || owner.includes('\0'))
      throw wrong(`The feed of ${JSON.stringify(table)} has no \`owner\`.`)
  }
}

/** @throws ConfigError `FEED_TABLE_INVALID` for a table with two feeds: the last one would be its only one. */
function assertOnce(tables: readonly FeedTable[]): void {
  const seen = new Set<string>()
  for (const { table, schema = 'public' } of tables) {
    const name = qualified(schema, table)
    if (seen.has(name)) {
      throw new ConfigError(`[msc/realtime] The table ${name} has two feeds.`, {
        code: 'FEED_TABLE_INVALID',
        hint: 'Give it one owner: a column with an array of ids makes several hear of a row.',
      })
    }
    seen.add(name)
  }
}

const qualified = (schema: string, table: string): string => `${identifier(schema)}.${identifier(table)}`

/** Where nobody else does it. A run that takes more than it has time for goes on with the next. */
function pruneBy(seconds: number): string {
  const command = `do $prune$ begin for n in 1..30 loop exit when msc_feed.prune(make_interval(secs => ${seconds}), 10000) < 10000; commit; end loop; end $prune$`
  return `do $$ begin
  if to_regprocedure('cron.schedule(text, text, text)') is not null then
    perform cron.schedule('msc_feed_prune', '* * * * *', ${literal(command)});
  end if;
end $$;`
}

function identifier(name: unknown): string {
  // A colon and a dot would make the topics of two tables one.
  if (typeof name !== 'string' || name === '' || name.length > 63 || /[\0:.]/.test(name)) {
    throw new ConfigError(
      `[msc/realtime] ${JSON.stringify(name)} can not be the name of a feed's table, schema or column.`,
      {
        code: 'FEED_TABLE_INVALID',
        hint: 'Pass the name of a table, without its schema.',
      },
    )
  }
  return /^[a-z_][a-z\d_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
