import type { Service } from '@msc/core'
import type { PostgresClient } from '@msc/core/postgres'
import type { Claims } from './claims.ts'

export interface Transaction {
  /**
   * Sends one statement with its parameters, and returns its rows as objects of column names. Statements are sent one
   * after the other. After one has failed, Postgres refuses every other one of the transaction, unless it is rolled back
   * to a savepoint.
   *
   * @throws ValidationError `DATABASE_VALUE_INVALID` for a value that no column can hold (SQLSTATE class 22, such as text
   *   with NUL; 23502 and 23514); MscError `DATABASE_CONFLICT` for a row that exists already or that others refer to
   *   (23503, 23505, 23P01) and `DATABASE_FORBIDDEN` for what the role may not do (42501); DriverError `CONTENDED`
   *   (retryable: the whole transaction, from its beginning) for a deadlock or a failed serialisation; ConfigError
   *   `TRANSACTION_OVER` once the work has settled, `TRANSACTION_BUSY` while `asService` runs, and
   *   `TRANSACTION_STATEMENT` for `begin`, `commit` and `rollback`; DriverError for everything else.
   */
  query<Row = Readonly<Record<string, unknown>>>(sql: string, params?: readonly unknown[]): Promise<Row[]>
  /**
   * Runs `work` past row level security in the same transaction, and then gives the transaction its own role and claims
   * back. Use the transaction that `work` gets: this one is busy meanwhile. When `work` rejects, what it changed is undone,
   * and the transaction can go on if the caller catches the error.
   *
   * @throws What `work` throws; the errors of {@link Transaction.query}.
   */
  asService<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>
}

/** A step of the schema. */
export interface Migration {
  /** Recorded when the step is done, and never again applied then: `20261101000000_accounts`. At most 200 characters. */
  readonly version: string
  /**
   * Any number of statements. They run in a transaction, so a `commit` among them is refused. Their hash is recorded: once they
   * were applied, only the ends of their lines may change.
   */
  readonly sql: string
}

export interface TransactionOptions {
  /** Milliseconds for the whole transaction, with the wait for a connection. Default: the database's `timeoutMs`. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Database extends Service {
  readonly concern: 'database'
  /**
   * Runs `work` in one transaction as the user of `claims`: row level security decides what it can read and change. It is
   * committed when the work resolves, and rolled back when it rejects. Work must not open a second transaction and wait
   * for it: an embedded database has one connection, and a server's may all be taken. It hands its own on instead.
   *
   * @throws What the work throws; the errors of {@link Transaction.query}; ConfigError `DATABASE_CLOSED` and
   *   `DATABASE_CLAIMS_INVALID`; MscError `DEADLINE_EXCEEDED` (retryable; nothing was kept); DriverError
   *   `TRANSACTION_ABORTED` when the work resolves after it swallowed the error of a statement (nothing was kept), and
   *   `COMMIT_UNKNOWN` when nobody knows whether the work was kept; DriverError `DRIVER_UNREACHABLE` and others of the
   *   connection when the server is away.
   */
  transaction<T>(
    claims: Claims,
    work: (transaction: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>
  /** Runs `work` past row level security: for jobs and other code that acts for the platform. */
  asService<T>(work: (transaction: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /**
   * Applies the migrations that are missing, in the order given, each in one transaction with the record that it was
   * applied. Of several processes that start at once, one applies and the others wait. Where the database is not
   * Supabase's, what Supabase provides comes first: see `supabaseShape`. Returns the versions that were applied.
   *
   * Files of the Supabase CLI are known by both: see the README.
   *
   * What a migration sets for its session ends with it.
   *
   * @throws ConfigError `MIGRATION_INVALID` for two migrations of one version, and `MIGRATION_CHANGED` for one whose SQL is not
   *   what was applied under its version, both before anything is applied; ConfigError `MIGRATION_INVALID` for one that has
   *   ended its transaction, with what was kept of it; DriverError `MIGRATION_FAILED`, which names the migration, of which
   *   nothing was kept, and is retryable if another transaction was in its way; ConfigError `DATABASE_ROLES_MISSING` when the
   *   login role may not create the roles of Supabase.
   */
  migrate(migrations: readonly Migration[]): Promise<string[]>
  /**
   * Returns the client to listen on, for `feedSource` of @msc/realtime and for the outbox. It acts as the login role, past
   * row level security: use it for nothing else.
   */
  client(): Promise<PostgresClient>
}
