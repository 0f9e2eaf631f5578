import type { DriverBase } from '@msc/core'
import type { PostgresClient } from '@msc/core/postgres'

/** One open transaction. It must not be used after the work that it was given to has settled. */
export interface DriverTransaction {
  /** Sends one statement with its parameters. Rows are objects of column names. */
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
   * back, and its error is thrown as it is.
   *
   * When `signal` aborts, the promise rejects with its reason; nothing that was not committed stays, and nothing keeps a
   * connection. If the connection is lost while the commit is under way, the driver throws a `DriverError` with the code
   * `COMMIT_UNKNOWN`: the work may have been kept or not.
   */
  transaction<T>(work: (transaction: DriverTransaction) => Promise<T>, signal: AbortSignal): Promise<T>
  /** Returns the client to listen on, for feeds and for the outbox. It connects on first use. */
  client(): Promise<PostgresClient>
}

export interface DatabaseCapabilities {
  /** True when other processes see the same data. */
  readonly shared: boolean
  /** True when the roles, schemas and functions of Supabase are there before the first migration. */
  readonly supabase: boolean
}
