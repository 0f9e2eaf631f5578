import {
  DriverError,
  MscError,
  assertOptions,
  closedError,
  lazyPeer,
  orAborted,
  peerMissing,
  readField,
  toError,
} from '@msc/core'
import type { PostgresClient } from '@msc/core/postgres'
import type { PGlite } from '@electric-sql/pglite'
import type { DatabaseDriver, DriverTransaction } from '../driver.ts'
import { transactionAborted } from '../failures.ts'

export interface PgliteOptions {
  /**
   * The folder of its files, which is created if it is missing. Default: in memory, which is lost with the process. One
   * process at a time may open it.
   */
  readonly folder?: string
}

const load = lazyPeer(async () => {
  try {
    return await import('@electric-sql/pglite')
  } catch (cause) {
    throw peerMissing('platform', '@electric-sql/pglite', cause)
  }
})

/**
 * Postgres inside this process. It has one connection, on which transactions wait for each other, and a statement that runs
 * keeps the process to itself: no deadline can end it.
 *
 * Own the folder first (`ownFolder` of @msc/platform/node): two processes that open it destroy each other's data.
 */
export function pglite(options: PgliteOptions = {}): DatabaseDriver {
  assertOptions('database', options)
  const { folder } = options
  let opened: Promise<PGlite> | undefined
  let closed = false
  let turn: Promise<void> = Promise.resolve()
  /**
   * A statement is done when its call returns, so that transactions which wait for each other would run in one turn of the
   * event loop, and everything else of the process would wait for all of them.
   */
  const takeTurn = async (): Promise<void> => {
    await turn
    turn = new Promise((resolve) => setImmediate(resolve))
  }
  const open = async (): Promise<PGlite> => {
    if (closed) throw closedError('pglite')
    return (opened ??= openAt(folder).catch((error: unknown) => {
      opened = undefined
      throw error
    }))
  }
  return {
    specificationVersion: 1,
    name: 'pglite',
    variables: ['MSC_DATA_DIR'],
    capabilities: { shared: false, supabase: false },
    async transaction(work, signal, { leavesNothing = false } = {}) {
      const database = await orAborted(open(), signal)
      const whole = database.transaction(async (transaction) => {
        await takeTurn()
        // It may have waited for others until nobody waits for it any more.
        signal.throwIfAborted()
        const sender: DriverTransaction = {
          query: async (text, values) => (await transaction.query(text, [...values])).rows,
          exec: async (text) => void (await transaction.exec(text)),
        }
        const until = whileOpen(sender)
        const run = async (): Promise<Awaited<ReturnType<typeof work>>> => {
          // Work that never settles must not keep the one connection.
          const result = await orAborted(work(until.open), signal)
          await assertKept(() => transaction.query('select 1'))
          signal.throwIfAborted()
          return result
        }
        return leavesNothing ? clean(sender, run, until.end) : run()
      })
      return orAborted(whole, signal)
    },
    client: async () => (await open()) as unknown as PostgresClient,
    async health(signal) {
      await orAborted(
        open().then((database) => database.query('select 1')),
        signal,
      )
    },
    async close() {
      closed = true
      await (await opened?.catch(() => undefined))?.close()
    },
  }
}

/** Takes back what SQL may set for a session. What listens stays: the application does, on the same connection. */
const TAKE_BACK = [
  'reset role',
  'reset all',
  'close all',
  'deallocate all',
  'discard temp',
  'select pg_advisory_unlock_all()',
]

/**
 * Ends the transaction that `run` works in, and takes back what it has set. PGlite's own end comes too late for that: the next
 * transaction follows it at once. After this one, it does nothing.
 */
async function clean<T>({ query, exec }: DriverTransaction, run: () => Promise<T>, end: () => void): Promise<T> {
  // PGlite knows no name to reset it to.
  const [row] = await query('select quote_ident(session_user) as login', [])
  const texts = ['rollback', `set session authorization ${String(readField(row, 'login'))}`, ...TAKE_BACK]
  try {
    const result = await run()
    end()
    await exec('commit')
    return result
  } finally {
    end()
    // Each by itself: one that is refused must not keep the others.
    for (const text of texts) await exec(text).catch(() => undefined)
  }
}

/** Refuses statements after `end`: those of work that nobody waits for any more would each be a transaction of its own. */
function whileOpen(transaction: DriverTransaction): { readonly open: DriverTransaction; end(): void } {
  let ended = false
  const assertOpen = (): void => {
    if (ended) throw new Error('The transaction is over.')
  }
  return {
    end: () => void (ended = true),
    open: {
      async query(text, values) {
        assertOpen()
        return transaction.query(text, values)
      },
      async exec(text) {
        assertOpen()
        return transaction.exec(text)
      },
    },
  }
}

async function openAt(folder: string | undefined): Promise<PGlite> {
  const { PGlite: Database } = await load()
  try {
    if (folder !== undefined) (await import('../../node/make-folder.ts')).makeFolder(folder)
    return await Database.create(folder ?? 'memory://')
  } catch (cause) {
    if (MscError.isInstance(cause)) throw cause
    throw new DriverError('pglite', `The database can not be opened: ${toError(cause).message}`, {
      code: 'DATABASE_FOLDER_UNUSABLE',
      hint: 'Check that this user may write to the folder (MSC_DATA_DIR), that no other process has it open, and that this version of @electric-sql/pglite has made it.',
      cause,
    })
  }
}

/** PGlite does not tell that a commit became a rollback, as it does when a statement has failed. */
async function assertKept(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask()
  } catch (error) {
    throw readField(error, 'code') === '25P02' ? transactionAborted('pglite', error) : error
  }
}
