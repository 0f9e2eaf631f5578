import {
  assertDriver,
  assertNumbers,
  createService,
  driverShape,
  systemClock,
  type Clock,
  type DriverContract,
  type ErrorReporter,
} from '@msc/core'
import type { Claims } from './claims.ts'
import type { Database, Transaction, TransactionOptions } from './database.ts'
import type { DatabaseDriver, DriverTransaction } from './driver.ts'
import { translate } from './failures.ts'
import { applyMigrations } from './migrations.ts'

export interface DatabaseOptions {
  readonly driver: DatabaseDriver
  /** Milliseconds that a transaction may take. Default 10 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  /** Called with every failure that nobody awaits. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
}

const CONTRACT: DriverContract<DatabaseDriver> = {
  concern: 'database',
  version: 1,
  methods: ['transaction', 'client'],
  shape: driverShape({ fields: { 'capabilities.shared': 'boolean', 'capabilities.supabase': 'boolean' } }),
}

/** A migration may rebuild a large table. */
const MIGRATION_MS = 600_000

/**
 * Makes the database of a platform from a driver. Does no I/O.
 *
 * @throws ConfigError for a driver that does not keep the contract, and for an invalid time limit.
 */
export function createDatabase(options: DatabaseOptions): Database {
  const { clock = systemClock, timeoutMs = 10_000, onError } = options
  const driver = assertDriver(CONTRACT, options.driver)
  assertNumbers('database', options, { timeoutMs: 1 })
  const { service, inTime, assertOpen } = createService({ concern: 'database', driver, clock, onError })

  const run = async <T>(
    prepare: (transaction: DriverTransaction) => Promise<unknown>,
    work: (transaction: DriverTransaction) => Promise<T>,
    given: TransactionOptions = {},
  ): Promise<T> => {
    assertOpen()
    return inTime(
      'transaction',
      given.timeoutMs ?? timeoutMs,
      (signal) =>
        driver.transaction(async (transaction) => {
          await prepare(transaction)
          return work(transaction)
        }, signal),
      given.signal,
    )
  }
  const transaction = <T>(
    claims: Claims,
    work: (transaction: Transaction) => Promise<T>,
    given?: TransactionOptions,
  ): Promise<T> =>
    run(
      (open) => become(open, claims),
      (open) => work(wrap(open)),
      given,
    )

  return {
    ...service,
    transaction,
    asService: (work, given) => transaction({ role: 'service_role' }, work, given),
    migrate: (migrations) =>
      applyMigrations(migrations, (work) => run(async () => undefined, work, { timeoutMs: MIGRATION_MS })),
    client: () => {
      assertOpen()
      return driver.client()
    },
  }
}

/** For this transaction only: a bare SET ROLE would leak to every later one of the connection. */
function become(transaction: DriverTransaction, claims: Claims): Promise<unknown> {
  return transaction.query(`select set_config('request.jwt.claims', $1, true), set_config('role', $2, true)`, [
    JSON.stringify(claims),
    claims.role,
  ])
}

function wrap(transaction: DriverTransaction): Transaction {
  return {
    async query<Row>(sql: string, params: readonly unknown[] = []) {
      try {
        return (await transaction.query(sql, params)) as Row[]
      } catch (error) {
        throw translate(error)
      }
    },
  }
}
