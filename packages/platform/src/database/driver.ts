import type { DriverBase } from '@msc/core'
import type { PostgresClient } from '@msc/core/postgres'

/**
 * One open transaction. It must not be used after the work that it was given to has settled.
 *
 * What the database answers to a statement is thrown as it came: an error with `severity`, and the SQLSTATE in `code`.
 * Everything else, such as a lost connection, is a `DriverError`.
 */
export interface DriverTransaction {
  /** Sends exactly one statement with its parameters. Rows are objects of column names. */
  query(text: string, values: readonly unknown[]): Promise<readonly unknown[]>
  /** Sends a text of any number of statements, without parameters. */
  exec(text: string): Promise<void>
}

/**
 * A Postgres: embedded, a server, or Supabase's. The engine decides who a transaction acts for, how long it may take and
 * what its errors mean.
 */
export interface DatabaseDriver extends DriverBase {
  readonly capabilities: DatabaseCapabilities
  /**
   * Runs `work` in one transaction: `begin`, then the work, then `commit`. When the work rejects, everything is rolled
   * back, and its error is thrown as it is. When the work resolves although a statement failed and was not rolled back to a
   * savepoint, Postgres keeps nothing, and the driver throws a `DriverError` with the code `TRANSACTION_ABORTED`.
   *
   * When `signal` aborts, the promise rejects with its reason, also while it waits for a connection; nothing that was not
   * committed stays, and nothing keeps a connection, even if the work never settles. If the connection is lost while the
   * commit is under way, the driver throws a `DriverError` with the code `COMMIT_UNKNOWN`: the work may have been kept or
   * not. A commit that the database refuses, for example because of a deferred constraint, throws that answer.
   *
   * With `leavesNothing`, no later transaction has what the work has set for its session, also if it has ended the transaction
   * by itself: settings, roles, temporary tables, locks. A server's connection is closed; an embedded database, which has only
   * one, takes them back.
   */
  transaction<T>(
    work: (transaction: DriverTransaction) => Promise<T>,
    signal: AbortSignal,
    options?: DriverTransactionOptions,
  ): Promise<T>
  /**
   * Returns the client to listen on, for feeds and for the outbox. It connects on first use.
   *
   * @throws ConfigError `POSTGRES_POOLED` for an address at which nobody could listen.
   */
  client(): Promise<PostgresClient>
}

export interface DriverTransactionOptions {
  /** For SQL that nobody has read, such as that of migrations. Default false. */
  readonly leavesNothing?: boolean
}

export interface DatabaseCapabilities {
  /** True for a server: other processes see the same data, and a statement can be ended by its `statement_timeout`. */
  readonly shared: boolean
  /** True when the roles, schemas and functions of Supabase are there before the first migration. */
  readonly supabase: boolean
}
