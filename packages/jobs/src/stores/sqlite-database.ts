import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ConfigError, DriverError, MscError, toError, closedError } from '@msc/core'
import { SCHEMA, SQL, type StatementName } from './sqlite-schema.ts'

/** `process`: what was acknowledged survives a kill of the process. `power`: and a loss of power. */
export type Durability = 'process' | 'power'

export interface Statements {
  statement(name: StatementName): StatementSync
}

/** One connection. What is asked of it in one turn of the event loop is one transaction. */
export interface Database {
  act<T>(work: (db: Statements) => T): Promise<T>
  close(): Promise<void>
}

interface Task {
  readonly work: (db: Statements) => unknown
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

export function createDatabase(path: string, durability: Durability): Database {
  let opened: ReturnType<typeof open> | undefined
  let closed = false
  let tasks: Task[] = []

  /** A transaction costs as much as several writes, with `power` as much as hundreds: they share one. */
  const flush = (): void => {
    const batch = tasks
    tasks = []
    if (batch.length === 0) return
    try {
      opened ??= open(path, durability)
      const db = opened
      const results = db.transaction(() => batch.map(({ work }) => work(db)))
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as never)
    } catch (error) {
      if (batch.length === 1) return batch[0]?.reject(translate(error, path))
      // One of them spoils it for the others, so each gets a transaction of its own.
      for (const task of batch) {
        tasks = [task]
        flush()
      }
    }
  }

  return {
    act<T>(work: (db: Statements) => T) {
      if (closed) return Promise.reject(closedError('sqlite'))
      return new Promise<T>((resolve, reject) => {
        tasks.push({ work, resolve: resolve as Task['resolve'], reject })
        if (tasks.length === 1) setImmediate(flush)
      })
    },
    async close() {
      closed = true
      flush()
      opened?.close()
      opened = undefined
    },
  }
}

function open(path: string, durability: Durability) {
  // Not an import: browsers and edge runtimes load the package's root without it.
  const sqlite = process.getBuiltinModule('node:sqlite') as typeof import('node:sqlite') | undefined
  if (!sqlite) {
    throw new ConfigError('[msc/jobs] [sqlite] This runtime has no node:sqlite.', {
      code: 'SQLITE_UNSUPPORTED',
      hint: 'Use Node 22.13 or later, another store, or Inngest.',
    })
  }
  const db: DatabaseSync = new sqlite.DatabaseSync(path, { timeout: 5000 })
  try {
    db.exec(`pragma journal_mode = wal; pragma synchronous = ${durability === 'power' ? 'full' : 'normal'}`)
    db.exec(`begin immediate; ${SCHEMA}; commit`)
  } catch (error) {
    // Otherwise the file stays locked for others until the garbage collector comes.
    db.close()
    throw error
  }
  const prepared = new Map<StatementName, StatementSync>()
  return {
    statement(name: StatementName): StatementSync {
      let statement = prepared.get(name)
      if (!statement) prepared.set(name, (statement = db.prepare(SQL[name])))
      return statement
    },
    transaction<T>(work: () => T): T {
      // Immediate: a writer that waits for the lock at its first write can't be told apart from a deadlock.
      db.exec('begin immediate')
      try {
        const value = work()
        db.exec('commit')
        return value
      } catch (error) {
        if (db.isTransaction) db.exec('rollback')
        throw error
      }
    },
    close: () => db.close(),
  }
}

function translate(error: unknown, path: string): Error {
  if (MscError.isInstance(error)) return error
  const { message } = toError(error)
  if (/unable to open|not a database/i.test(message)) return unusable(error, message, path)
  return new DriverError('sqlite', message, {
    retryable: /locked|busy/i.test(message),
    cause: error,
    ...(/readonly|disk|full/i.test(message) && {
      hint: 'Check that the folder of MSC_JOBS_SQLITE can be written to and has room.',
    }),
  })
}

/** Nothing of the file can be read, and waiting changes nothing. */
function unusable(cause: unknown, message: string, path: string): DriverError {
  const folder = /^(.+)[/\\][^/\\]*$/.exec(path)?.[1] ?? (path.startsWith('/') ? '/' : '.')
  const isDatabase = !/not a database/i.test(message)
  return new DriverError('sqlite', `${path} can not be opened: ${message}.`, {
    code: 'SQLITE_UNUSABLE',
    hint: isDatabase
      ? `Make its folder writable for this user (mkdir -p ${folder}), or set MSC_JOBS_SQLITE to a file elsewhere, not to a folder.`
      : 'Set MSC_JOBS_SQLITE to a file that SQLite made, or to one that does not exist yet.',
    cause,
  })
}
