import type { Service } from '@msc/core'
import type { PostgresClient } from '@msc/core/postgres'
import type { Claims } from './claims.ts'

export interface Transaction {
  /**
   * Sends one statement with its parameters, and returns its rows as objects of column names.
   *
   * @throws ValidationError `DATABASE_VALUE_INVALID` for a value that no column can hold (SQLSTATE class 22, such as text
   *   with NUL); MscError `DATABASE_CONFLICT` for a row that exists already (23505) and `DATABASE_FORBIDDEN` for what the
   *   role may not do (42501); DriverError for everything else.
   */
  query<Row = Readonly<Record<string, unknown>>>(sql: string, params?: readonly unknown[]): Promise<Row[]>
}

/** A step of the schema. */
export interface Migration {
  /** Sorts migrations, and is recorded when one is done: `20261101000000_accounts`. */
  readonly version: string
  readonly sql: string
}

export interface TransactionOptions {
  /** Milliseconds for the whole transaction. Default: the database's `timeoutMs`. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Database extends Service {
  readonly concern: 'database'
  /**
   * Runs `work` in one transaction as the user of `claims`: row level security decides what it can read and change. It is
   * committed when the work resolves, and rolled back when it rejects. Work must not open a second transaction and wait
   * for it: an embedded database has one connection.
   *
   * @throws What the work throws; the errors of {@link Transaction.query}; DeadlineError; ConfigError `DATABASE_CLOSED`;
   *   DriverError, with the code `COMMIT_UNKNOWN` when nobody knows whether the work was kept.
   */
  transaction<T>(
    claims: Claims,
    work: (transaction: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>
  /** Runs `work` past row level security: for jobs and other code that acts for the platform. */
  asService<T>(work: (transaction: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /**
   * Applies the migrations that are missing, each in one transaction with the record that it was applied. Of several
   * processes that start at once, one applies and the others wait. Returns the versions that were applied.
   */
  migrate(migrations: readonly Migration[]): Promise<string[]>
  /** The client to listen on, for `feedSource` of @msc/realtime and for the outbox. */
  client(): Promise<PostgresClient>
}
