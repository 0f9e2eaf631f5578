import type { Clock, Duration, ErrorReporter, Service } from '@msc/core'
import type { Database } from '../database/database.ts'

export interface IdempotencyOptions {
  /** Has to have {@link idempotencyMigration}. Stays the caller's to close, afterwards. */
  readonly database: Database
  /**
   * How long an answer is kept, by the database's clock. Default 24 hours. A request that is running has its key until its
   * lease is over, also for longer.
   */
  readonly keep?: Duration
  /**
   * Milliseconds after which the request of a process that was killed may run again. A process that lives renews it three
   * times in that time, for up to ten minutes. Default 30 000.
   */
  readonly leaseMs?: number
  /** The largest body of an answer that is kept, in bytes. Default 64 KiB. */
  readonly maxBytes?: number
  /** How many answers are kept of one user or address; older ones go first. Default 1 000. */
  readonly maxPerCaller?: number
  /**
   * Header fields that are kept of an answer, besides those that describe its content: `content-type`,
   * `content-disposition`, `content-encoding`, `content-language`, `content-location`, `cache-control`, `etag`,
   * `last-modified`, `link` and `location`.
   */
  readonly headers?: readonly string[]
  /** Milliseconds that a question to the database may take. Default 5 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  /** Called with every failure that nobody awaits. */
  readonly onError?: ErrorReporter
}

export interface IdempotentRequest {
  /** Who sends it: `['user', id]` or `['address', address]`. Nobody is answered with what another caller was. */
  readonly caller: readonly string[]
  /** What it does: the method and the route. */
  readonly operation: readonly string[]
  /** The client's key; see {@link parseIdempotencyKey}. */
  readonly key: string
  /** A hash of what is asked for. Another one under the same key is refused. */
  readonly fingerprint: string
}

/**
 * Recognises a request that is sent again, and answers it with the first answer.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-idempotency-key-header-07.html
 */
export interface Idempotency extends Service {
  readonly concern: 'idempotency'
  /**
   * Runs `work` if the request is the first under its key, and keeps its answer. Answers a second one with what was kept and
   * `Idempotency-Replayed: true`; with 409 while the first is running; with 422 when the same key asks for something else.
   *
   * Kept are answers below 500, but for 401, 403, 408, 425 and 429. Not kept are also: one that sets a cookie, one of more
   * than `maxBytes`, a stream of events, and one whose body does not end within a second. What is not kept runs again when
   * it is sent again, and so does the request of a process that was killed before its answer was kept. While the database is
   * away, keeping an answer is tried again behind it, for ten minutes; a request that is sent again runs again if the lease has
   * ended before that has worked. Close the memory before the database: it tries once more.
   *
   * For those `work` is given a key of its own: the hash of caller, operation and key, the same at each try. Make the ids of
   * what you write from it with {@link idempotentId}, and a second run finds the rows of the first.
   *
   * @throws UnavailableError `IDEMPOTENCY_UNAVAILABLE` when the database is away before the work begins; ConfigError
   *   `IDEMPOTENCY_NOT_MIGRATED`; what `work` throws.
   * @example
   * const id = await idempotentId(idempotencyKey, 'release')
   * await tx.query('insert into releases (id, title) values ($1, $2) on conflict (id) do nothing', [id, title])
   */
  run(request: IdempotentRequest, work: (idempotencyKey: string) => Promise<Response>): Promise<Response>
}
