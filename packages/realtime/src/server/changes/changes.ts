import { fitsName } from '../../base/name.ts'
import type { FeedMessage, RowOutline } from '../../feed/message.ts'
import { feedTopic } from '../../feed/feed-topic.ts'
import { parseFilter, type RowFilter } from './filters.ts'
import { push } from '../rooms/membership.ts'
import type { Membership } from '../rooms/rooms.ts'

/** One entry of `postgres_changes` in a join. */
export interface ChangeWish {
  /** Chosen by the server; what it sends is sorted by it. */
  readonly id: number
  readonly event: string
  readonly schema: string
  /** `*`: each that has a feed. */
  readonly table: string
  readonly filter: RowFilter | undefined
  /** Columns to be sent. Default: all. */
  readonly select: readonly string[] | undefined
}

/** Who hears of changes of rows, by whose rows they are. */
export interface Changes {
  add(membership: Membership): void
  remove(membership: Membership): void
  publish(message: FeedMessage): void
}

const MAX_WISHES = 50
let lastId = 0

const isName = (value: unknown): value is string => typeof value === 'string' && fitsName(value)

/** @throws Error that says what is wrong with the entries. */
export function parseWishes(entries: readonly unknown[]): ChangeWish[] {
  if (entries.length > MAX_WISHES) throw new Error(`At most ${MAX_WISHES} subscriptions fit into a channel.`)
  return entries.map((entry) => {
    const { event = '*', schema = 'public', table = '*', filter, select } = (entry ?? {}) as Record<string, unknown>
    if (typeof event !== 'string' || !/^(\*|INSERT|UPDATE|DELETE)$/i.test(event)) {
      throw new Error('`event` is *, INSERT, UPDATE or DELETE.')
    }
    if (!isName(schema) || !isName(table)) throw new Error('`schema` and `table` are names.')
    if (filter !== undefined && typeof filter !== 'string') throw new Error('`filter` is a string.')
    const columns = Array.isArray(select) ? select.map(String) : undefined
    lastId = (lastId % 2 ** 31) + 1
    return {
      id: lastId,
      event: event.toUpperCase(),
      schema,
      table,
      filter: filter === undefined || filter === '' ? undefined : parseFilter(filter),
      select: columns && columns.length > 0 ? columns : undefined,
    }
  })
}

/** The feed in which the rows are that a token may see, named as `feedMigration` does. `undefined`: it has none. */
export function feedOf({ schema, table }: ChangeWish, sub: string | undefined): string | undefined {
  const named = schema === 'public' ? table : `${schema}.${table}`
  return sub === undefined || sub === '' ? undefined : feedTopic(named, sub)
}

/** What may see every row, and is in no user's hands. */
const EVERYBODY = Symbol('every owner')

/**
 * `postgres_changes` over feeds: of a row hears its owner alone, of a DELETE the old row's owner, and the service role of
 * everything. Rows of a group are for its feed alone. So nothing has to be asked of the database per change and subscriber.
 */
export function createChanges(): Changes {
  const byOwner = new Map<string | typeof EVERYBODY, Set<Membership>>()
  const keyOf = ({ claims }: Membership): string | typeof EVERYBODY | undefined =>
    claims.role === 'service_role' ? EVERYBODY : claims.sub
  const deliver = (key: string | typeof EVERYBODY, message: FeedMessage): void => {
    for (const membership of byOwner.get(key) ?? []) sendOr(membership, message)
  }
  return {
    add(membership) {
      const key = keyOf(membership)
      if (membership.changes.length === 0 || key === undefined) return
      const members = byOwner.get(key) ?? new Set()
      byOwner.set(key, members.add(membership))
    },
    remove(membership) {
      const key = keyOf(membership)
      if (key === undefined) return
      const members = byOwner.get(key)
      members?.delete(membership)
      if (members?.size === 0) byOwner.delete(key)
    },
    publish(message) {
      const [, , ...owner] = message.topic.split(':')
      // A group's id may be that of a user, who need not be in the group: its members have its feed.
      // That of a large row is in its outline.
      if (readersOf(message) !== 'members') deliver(owner.join(':'), message)
      deliver(EVERYBODY, message)
    },
  }
}

/** What can't be read is nobody's but the service role's. */
function readersOf(message: FeedMessage): unknown {
  try {
    return (message.outline ?? message.payload).readers
  } catch {
    return 'members'
  }
}

function sendOr(membership: Membership, message: FeedMessage): void {
  const { topic, event: operation, at, outline } = message
  if (outline) return sendOutline(membership, outline, at)
  try {
    send(membership, message)
  } catch {
    sendOutline(membership, { ...placeOf(topic), operation }, at)
  }
}

/** The table of a feed, for a message whose payload can't be read. */
function placeOf(topic: string): { readonly schema: string; readonly table: string } {
  const [, named = ''] = topic.split(':')
  const dot = named.indexOf('.')
  return dot === -1 ? { schema: 'public', table: named } : { schema: named.slice(0, dot), table: named.slice(dot + 1) }
}

/**
 * A row that can't be told is told without its columns, in the words that Supabase has for one that is too large; also where a
 * filter can't be asked.
 */
function sendOutline(membership: Membership, { schema, table, operation }: RowOutline, at: string): void {
  const ids = membership.changes.filter((wish) => isWished(wish, { schema, table, operation })).map(({ id }) => id)
  if (ids.length === 0) return
  const errors = ['Error 413: Payload Too Large']
  const data = { schema, table, type: operation, commit_timestamp: at, columns: [], errors }
  push(membership, 'postgres_changes', { ids, data: { ...data, ...(operation !== 'DELETE' && { record: {} }) } })
}

function isWished(wish: ChangeWish, { schema, table, operation }: RowOutline): boolean {
  if (wish.event !== '*' && wish.event !== operation) return false
  if (wish.schema !== '*' && wish.schema !== schema) return false
  return wish.table === '*' || wish.table === table
}

function send(membership: Membership, { payload, at }: FeedMessage): void {
  const {
    schema,
    table,
    operation,
    record,
    old_record: old,
  } = payload as {
    readonly schema: string
    readonly table: string
    readonly operation: string
    readonly record: Readonly<Record<string, unknown>> | null
    readonly old_record: Readonly<Record<string, unknown>> | null
  }
  const row = record ?? old
  if (!row) return
  // Who asked for the same columns is served by one frame.
  const groups = new Map<string, { readonly select: readonly string[] | undefined; readonly ids: number[] }>()
  for (const wish of membership.changes) {
    if (!isWished(wish, { schema, table, operation })) continue
    if (wish.filter && !wish.filter(row)) continue
    const key = wish.select?.join(',') ?? '*'
    const group = groups.get(key) ?? { select: wish.select, ids: [] }
    group.ids.push(wish.id)
    groups.set(key, group)
  }
  for (const { select, ids } of groups.values()) {
    const columns = Object.keys(row).filter((name) => select?.includes(name) ?? true)
    push(membership, 'postgres_changes', {
      ids,
      data: {
        schema,
        table,
        type: operation,
        commit_timestamp: at,
        columns: columns.map((name) => ({ name, type: typeOf(row[name]) })),
        ...(record && { record: only(record, columns) }),
        ...(old && { old_record: only(old, columns) }),
        errors: null,
      },
    })
  }
}

function only(row: Readonly<Record<string, unknown>>, columns: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((name) => [name, row[name]]))
}

/** As the JSON has it; clients use it to read what is no string. */
function typeOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int8' : 'float8'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'object' && value !== null ? 'jsonb' : 'text'
}
