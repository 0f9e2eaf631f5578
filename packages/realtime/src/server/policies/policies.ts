import { readField } from '@msc/core'
import { assertClient, onConnection, type PostgresPool, type PostgresQuery } from '@msc/core/postgres'
import type { Claims } from '../entrance/claims.ts'
import type { Authorize, TopicAction } from './permissions.ts'

export interface DatabasePoliciesOptions {
  /** A database with `realtime.messages` and its policies (`realtimeSchema`): a pool of `pg`, or PGlite. The caller's to close. */
  readonly client: PolicyClient
  /** Roles that a token may have. Default `anon`, `authenticated` and `service_role`. */
  readonly roles?: readonly string[]
}

/** PGlite, as far as it is used. */
interface Embedded {
  transaction(work: (transaction: PostgresQuery & { rollback(): Promise<void> }) => Promise<void>): Promise<unknown>
}
export type PolicyClient = PostgresPool | Embedded

const ROLES = ['anon', 'authenticated', 'service_role']

/**
 * Asks the policies on `realtime.messages`, as Supabase Realtime does, so that the same migration decides in both places: a
 * probe is written, and looked for or written again as the user, and all of it is rolled back. To read a topic is to select
 * from it; to send or to be present is to insert, with the extension `broadcast` or `presence`.
 *
 * False is the policies' own no. It rejects when they can't be asked: with the signal's reason when that has ended, else
 * with what the database failed with.
 *
 * @throws ConfigError `OPTION_INVALID` for a client that is neither a pool nor PGlite, `REALTIME_POOL_TOO_SMALL` for a pool of
 *   one connection.
 *
 * Source: Supabase's documentation, "Realtime Authorization".
 */
export function databasePolicies({ client, roles = ROLES }: DatabasePoliciesOptions): Authorize {
  if (typeof readField(client, 'transaction') !== 'function') assertClient('realtime', client)
  return async ({ claims, topic, action }, signal) => {
    if (!roles.includes(claims.role)) return false
    signal.throwIfAborted()
    // Neither yes nor no, as long as the database has not said so.
    let answer: boolean | undefined
    const probe = async (transaction: PostgresQuery): Promise<void> => {
      answer = await ask(transaction, claims, topic, action)
    }
    if ('transaction' in client) {
      await client.transaction(async (transaction) => {
        await probe(transaction)
        await transaction.rollback()
      })
    } else await rolledBack(client, probe, signal)
    signal.throwIfAborted()
    if (answer === undefined) throw new Error('[msc/realtime] The policies were not asked.')
    return answer
  }
}

async function ask(transaction: PostgresQuery, claims: Claims, topic: string, action: TopicAction): Promise<boolean> {
  const extension = action === 'presence' ? 'presence' : 'broadcast'
  const insert = 'insert into realtime.messages (topic, extension, private) values ($1, $2, true)'
  if (action === 'read') await transaction.query(insert, [topic, extension])
  // Local to the transaction: anything else would stay with the connection.
  await transaction.query(
    `select set_config('realtime.topic', $1, true), set_config('request.jwt.claims', $2, true), set_config('role', $3, true)`,
    [topic, JSON.stringify(claims), claims.role],
  )
  if (action === 'read') {
    const { rows } = await transaction.query('select 1 from realtime.messages where topic = $1 limit 1', [topic])
    return rows.length > 0
  }
  try {
    await transaction.query(insert, [topic, extension])
    return true
  } catch (error) {
    // Only the policies' no is an answer; anything else is for whoever asks.
    if ((error as { code?: unknown }).code === '42501') return false
    throw error
  }
}

async function rolledBack(
  pool: PostgresPool,
  work: (transaction: PostgresQuery) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  await onConnection(
    pool,
    async (connection) => {
      await connection.query('begin')
      try {
        await work(connection)
      } finally {
        await connection.query('rollback')
      }
    },
    signal,
  )
}
