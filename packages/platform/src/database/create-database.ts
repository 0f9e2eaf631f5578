import {
  MscError,
  anySignal,
  assertDriver,
  assertNumbers,
  createClosing,
  createService,
  driverShape,
  systemClock,
  type Clock,
  type DriverContract,
  type ErrorReporter,
} from '@msc/core'
import { isAnswer } from '@msc/core/postgres'
import { SERVICE, assertClaims, type Claims } from './claims.ts'
import type { Database, Migration, Transaction, TransactionOptions } from './database.ts'
import type { DatabaseDriver, DriverTransaction, DriverTransactionOptions } from './driver.ts'
import { endedByTime, translate, type Phase } from './failures.ts'
import { applyMigrations, assertMigrations } from './migrations.ts'
import { supabaseShape } from './supabase-shape.ts'
import { become, handleOf } from './transaction.ts'

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
/** How much longer than the transaction the server lets a statement run whose client has gone. */
const SERVER_GRACE_MS = 1000

/**
 * Ends a statement whose client is gone, which a server notices by itself only afterwards: others wait for the lock of a migration.
 * Not before Postgres 14, and not on every system.
 */
const NOTICE_KILLS = `do $$ begin
  perform set_config('client_connection_check_interval', '2s', true);
exception when others then null;
end $$`

/** What runs between `begin` and `commit`. `isOver` says whether its time is up. */
type Work<T> = (open: DriverTransaction, isOver: () => boolean) => Promise<T>

interface Attempt extends DriverTransactionOptions {
  readonly timeoutMs: number
  readonly signals: readonly AbortSignal[]
}

/**
 * Makes the database of a platform from a driver. Does no I/O.
 *
 * @throws ConfigError for a driver that does not keep the contract, and for an invalid time limit.
 */
export function createDatabase(options: DatabaseOptions): Database {
  assertNumbers('database', options, { timeoutMs: 1 })
  const { clock = systemClock, timeoutMs: defaultMs = 10_000, onError } = options
  const driver = assertDriver(CONTRACT, options.driver)
  const closing = createClosing()
  const running = new Set<Promise<unknown>>()
  let waiting = 0
  const { service, inTime, assertOpen } = createService({
    concern: 'database',
    driver,
    clock,
    onError,
    flush: (budgetMs) => settled(running, budgetMs, clock),
    async close(budgetMs, closed) {
      await settled(running, budgetMs, clock)
      closing.end(closed)
    },
  })

  /** Runs `work` in a transaction of the driver within its time, and makes one of our errors of what the database says. */
  const attempt = async <T>(work: Work<T>, { timeoutMs, signals, ...given }: Attempt): Promise<T> => {
    let phase: Phase = 'waiting'
    let isTimeUp = (): boolean => false
    let own: { readonly error: unknown } | undefined
    waiting += 1
    try {
      const call = (signal: AbortSignal): Promise<T> => {
        isTimeUp = () => signal.aborted
        return driver.transaction(
          async (open) => {
            waiting -= 1
            phase = 'working'
            const result = await work(open, isTimeUp).catch((error: unknown) => {
              own = { error }
              throw error
            })
            phase = 'committing'
            return result
          },
          signal,
          given,
        )
      }
      return await inTime('transaction', timeoutMs, call, anySignal(...signals))
    } catch (error) {
      if (own && own.error === error) throw error
      // Answers to a commit are still the database's own, and drivers may leave other errors of it as they are.
      if (!MscError.isInstance(error) && isAnswer(error)) throw given.leavesNothing ? error : translate(error, driver)
      throw isTimeUp() ? endedByTime(error, phase, { driver, waiting: waiting - (phase === 'waiting' ? 1 : 0) }) : error
    } finally {
      if (phase === 'waiting') waiting -= 1
    }
  }
  const run = <T>(work: Work<T>, given: TransactionOptions & DriverTransactionOptions = {}): Promise<T> => {
    assertNumbers('database', given, { timeoutMs: 1 })
    const { timeoutMs = defaultMs, signal, ...others } = given
    const result = closing.during((ending) =>
      attempt(work, { ...others, timeoutMs, signals: signal ? [signal, ending] : [ending] }),
    )
    track(running, result)
    return result
  }
  const transaction = async <T>(
    claims: Claims,
    work: (transaction: Transaction) => Promise<T>,
    given: TransactionOptions = {},
  ): Promise<T> => {
    assertOpen()
    assertClaims(claims)
    return run(async (open, isOver) => {
      const explain = (error: unknown): unknown => translate(error, driver)
      try {
        await limit(driver, open, given.timeoutMs ?? defaultMs)
        await become(open, claims)
      } catch (error) {
        throw explain(error)
      }
      const handle = handleOf(open, claims, { translate: explain, isOver })
      try {
        const result = await work(handle.transaction)
        handle.assertSound()
        return result
      } finally {
        handle.end()
      }
    }, given)
  }

  return {
    ...service,
    transaction,
    asService: (work, given) => transaction(SERVICE, work, given),
    async migrate(migrations: readonly Migration[]) {
      assertOpen()
      assertMigrations(migrations)
      const shape = driver.capabilities.supabase ? [] : supabaseShape()
      const limited = (open: DriverTransaction): Promise<void> => limitMigration(driver, open)
      return applyMigrations([...shape, ...migrations], {
        driver,
        limit: limited,
        run: (work, given) =>
          run(
            async (open) => {
              await limited(open)
              return work(open)
            },
            { ...given, timeoutMs: MIGRATION_MS },
          ),
      })
    },
    async client() {
      assertOpen()
      return driver.client()
    },
  }
}

/** On a server, ends what a client has left behind: a statement that runs on, and a transaction that holds locks. */
async function limit(driver: DatabaseDriver, open: DriverTransaction, timeoutMs: number): Promise<void> {
  if (!driver.capabilities.shared) return
  const ms = String(Math.min(Math.ceil(timeoutMs) + SERVER_GRACE_MS, 2 ** 31 - 1))
  await open.query(
    `select set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $1, true)`,
    [ms],
  )
}

async function limitMigration(driver: DatabaseDriver, open: DriverTransaction): Promise<void> {
  await limit(driver, open, MIGRATION_MS)
  if (driver.capabilities.shared) await open.exec(NOTICE_KILLS)
}

/** Keeps a promise in the set until it settles. Its rejection stays its caller's. */
function track(running: Set<Promise<unknown>>, promise: Promise<unknown>): void {
  running.add(promise)
  const forget = (): void => void running.delete(promise)
  promise.then(forget, forget)
}

/** Resolves when all have settled, or after `budgetMs` milliseconds. */
async function settled(running: ReadonlySet<Promise<unknown>>, budgetMs: number, clock: Clock): Promise<void> {
  if (running.size === 0) return
  let cancel = (): void => undefined
  const time = new Promise<void>((resolve) => (cancel = clock.setTimeout(resolve, budgetMs, { keepAlive: true })))
  await Promise.race([Promise.allSettled(running), time])
  cancel()
}
