import { ConfigError, currentContext, formatTraceparent, readField } from '@msc/core'
import { SERVICE, type Claims } from './claims.ts'
import type { Transaction } from './database.ts'
import type { DriverTransaction } from './driver.ts'

/** What all handles of one transaction share. */
interface Shared {
  readonly open: DriverTransaction
  /** Returns the error that a caller gets for what a statement failed with. */
  readonly translate: (error: unknown) => unknown
  /** True once the work has settled or its time is up. */
  readonly isOver: () => boolean
  savepoints: number
  /** Set when nobody knows which role the transaction has: it must neither go on nor be committed. */
  broken?: unknown
}

/** A transaction as an application gets it, and its end. */
export interface Handle {
  readonly transaction: Transaction
  /** Refuses every later statement. */
  end(): void
  /** @throws The error after which the role of the transaction is unknown; `TRANSACTION_BUSY` while `asService` runs. */
  assertSound(): void
}

/** Makes the handle of a transaction that acts for `claims` already. */
export function handleOf(
  open: DriverTransaction,
  claims: Claims,
  { translate, isOver }: Pick<Shared, 'translate' | 'isOver'>,
): Handle {
  let ended = false
  const isEnded = (): boolean => ended || isOver()
  const shared: Shared = { open: untilOver(open, isEnded), translate, isOver: isEnded, savepoints: 0 }
  const handle = makeHandle(claims, shared)
  return {
    ...handle,
    end() {
      ended = true
      handle.end()
    },
  }
}

/**
 * Sends nothing more once the transaction is over. Work that nobody awaited, of `asService` too, may still go on, and the
 * connection is in another transaction by then, with the role and the claims of somebody else.
 */
function untilOver(open: DriverTransaction, isOver: () => boolean): DriverTransaction {
  return {
    query: async (text, values) => (isOver() ? refuse() : open.query(text, values)),
    exec: async (text) => (isOver() ? refuse() : open.exec(text)),
  }
}

function refuse(): never {
  throw over()
}

/** The trace is for `msc_outbox.add`, where a trigger calls it. */
const BECOME = `select set_config('request.jwt.claims', $1, true), set_config('role', $2, true),
  set_config('msc.traceparent', $3, true), set_config('msc.user_id', $4, true)`

/**
 * Gives a transaction its role and claims, for this transaction only: a bare SET ROLE would leak to every later one of the
 * connection.
 */
export async function become(open: DriverTransaction, claims: Claims): Promise<unknown> {
  const context = currentContext()
  const values = [
    JSON.stringify(claims),
    claims.role,
    context ? formatTraceparent(context.trace) : '',
    context?.userId ?? '',
  ]
  try {
    return await open.query(BECOME, values)
  } catch (error) {
    // Of these settings only the role can have a value that is none.
    if (readField(error, 'code') !== '22023') throw error
    throw new ConfigError(`[msc/database] The database has no role ${JSON.stringify(claims.role)}.`, {
      code: 'DATABASE_NOT_MIGRATED',
      hint: 'Call `database.migrate([…])` once when the application starts: it makes the roles of the platform.',
      cause: error,
    })
  }
}

function makeHandle(claims: Claims, shared: Shared): Handle {
  const { open } = shared
  let isOver = false
  let isBusy = false
  const assertSound = (): void => {
    if (shared.broken !== undefined) throw shared.broken as Error
  }
  const assertUsable = (): void => {
    if (isOver || shared.isOver()) throw over()
    assertSound()
    if (isBusy) throw busy()
  }
  return {
    end: () => void (isOver = true),
    assertSound() {
      assertSound()
      // The role is the service's still, and a part of its work may be missing.
      if (isBusy) throw busy()
    },
    transaction: {
      async query<Row>(sql: string, params: readonly unknown[] = []) {
        assertUsable()
        assertNoControl(sql)
        try {
          return (await open.query(sql, params)) as Row[]
        } catch (error) {
          throw shared.translate(error)
        }
      },
      async asService(work) {
        assertUsable()
        isBusy = true
        try {
          return await within(shared, claims, work)
        } finally {
          isBusy = false
        }
      },
    },
  }
}

/**
 * Runs `work` as the service between a savepoint and its release. Rolling back to the savepoint also gives the role back,
 * whatever the work has done to the transaction: without one, a caller could go on as the service after it has rolled back
 * to a savepoint that the work had set.
 */
async function within<T>(shared: Shared, claims: Claims, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  const { open } = shared
  const sent = async (sending: Promise<unknown>): Promise<void> => {
    try {
      await sending
    } catch (error) {
      throw shared.translate(error)
    }
  }
  const savepoint = `msc_service_${(shared.savepoints += 1)}`
  await sent(open.exec(`savepoint ${savepoint}`))
  const inner = makeHandle(SERVICE, shared)
  try {
    await sent(become(open, SERVICE))
    const result = await work(inner.transaction)
    inner.assertSound()
    inner.end()
    await sent(become(open, claims))
    await sent(open.exec(`release savepoint ${savepoint}`))
    return result
  } catch (error) {
    inner.end()
    await sent(open.exec(`rollback to savepoint ${savepoint}; release savepoint ${savepoint}`)).catch(
      (unknown: unknown) => (shared.broken ??= unknown),
    )
    throw error
  }
}

/** Statements that begin or end a transaction. `rollback to` a savepoint is none. */
const CONTROL =
  /^(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b/i
/** What may stand before a statement, one piece of it. */
const BEFORE = /(?:[\s;]+|--[^\n]*(?:\n|$))/y

/** Returns the text from its first word on. In one pass: an expression for all of it would try each way to divide the comments. */
function withoutComments(sql: string): string {
  let at = 0
  for (;;) {
    if (sql.startsWith('/*', at)) {
      const end = endOfComment(sql, at)
      if (end === undefined) return ''
      at = end
      continue
    }
    BEFORE.lastIndex = at
    if (!BEFORE.test(sql)) return sql.slice(at)
    at = BEFORE.lastIndex
  }
}

/** Comments of Postgres nest. */
function endOfComment(sql: string, from: number): number | undefined {
  let depth = 0
  for (let at = from; at < sql.length - 1; at++) {
    const two = sql.slice(at, at + 2)
    if (two !== '/*' && two !== '*/') continue
    depth += two === '/*' ? 1 : -1
    at += 1
    if (depth === 0) return at + 1
  }
  return undefined
}

function assertNoControl(sql: string): void {
  if (!CONTROL.test(withoutComments(sql))) return
  throw new ConfigError('[msc/database] A transaction begins and ends by itself.', {
    code: 'TRANSACTION_STATEMENT',
    hint: 'Leave begin, commit and rollback out. To undo everything, throw; to undo a part, use a savepoint.',
  })
}

function over(): ConfigError {
  return new ConfigError('[msc/database] The transaction is over.', {
    code: 'TRANSACTION_OVER',
    hint: 'Await every statement inside the work, and do not keep the transaction for later.',
  })
}

function busy(): ConfigError {
  return new ConfigError('[msc/database] The transaction is running work as the service.', {
    code: 'TRANSACTION_BUSY',
    hint: 'Use the transaction that the work of `asService` gets, and await `asService` before you go on with this one.',
  })
}
