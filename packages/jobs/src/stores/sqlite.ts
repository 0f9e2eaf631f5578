import { ConfigError, DriverError, randomHex, toError } from '@msc/core'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { JobEvent } from '../define-job.ts'
import type { RunStatus } from '../driver.ts'
import type { Failure } from '../errors.ts'
import type { JobStore, RunRecord, StepRecord } from '../store.ts'

export interface SqliteOptions {
  /** The database's file; its folder must exist. */
  readonly path: string
  /**
   * What an acknowledged write survives: `process`, a kill at any line (WAL, synchronous=NORMAL); `power`, also a power
   * cut (synchronous=FULL, an fsync for each write). Default `process`.
   */
  readonly durability?: 'process' | 'power'
}

const SCHEMA = `
create table if not exists runs (
  id text primary key, job text not null, event text not null, carrier text not null, status text not null,
  attempt integer not null default 0, created_at integer not null, wake_at integer not null,
  lease_token text, lease_owner text, lease_until integer,
  failure text, ended_at integer, result text, error text
) strict;
create index if not exists runs_due on runs (coalesce(lease_until, wake_at)) where status in ('queued', 'waiting', 'running');
create index if not exists runs_recent on runs (created_at);
create table if not exists steps (
  run_id text not null references runs (id) on delete cascade, key text not null, seq integer not null, status text not null,
  attempts integer not null, started_at integer not null, ended_at integer, output text, error text, wake_at integer,
  primary key (run_id, key)
) strict, without rowid;
`

const OPEN = `status in ('queued', 'waiting', 'running')`

/** One file on this machine, shared by any number of processes. Needs Node ≥ 22.13. */
export function sqliteStore(options: SqliteOptions): JobStore {
  const { path, durability = 'process' } = options
  if (!path)
    throw new ConfigError('[msc/jobs] [sqlite] Missing option `path`.', { hint: 'Name the file that keeps the runs.' })
  let opened: Opened | undefined
  let closed = false
  const db = (): Opened => {
    if (closed) throw new DriverError('sqlite', 'The store is closed.', { code: 'DRIVER_CLOSED' })
    return (opened ??= openDatabase(path, durability))
  }
  const act = <T>(work: (open: Opened) => T): Promise<T> => {
    try {
      return Promise.resolve(work(db()))
    } catch (error) {
      return Promise.reject(translate(error))
    }
  }
  const changed = (name: StatementName, ...values: (string | number | null)[]): Promise<boolean> =>
    act((open) => Number(open.statement(name).run(...values).changes) > 0)

  return {
    name: 'sqlite',
    enqueue: (runs) =>
      act((open) =>
        open.transaction(() => {
          for (const { id, job, event, carrier, createdAt } of runs) {
            open.statement('enqueue').run(id, job, JSON.stringify(event), JSON.stringify(carrier), createdAt, createdAt)
          }
        }),
      ),
    claim: (owner, now, leaseMs, limit) =>
      act((open) =>
        open.transaction(() =>
          (open.statement('due').all(now, limit) as unknown as RunRow[]).map((row) => {
            const token = randomHex(8)
            open.statement('claim').run(token, owner, now + leaseMs, row.id)
            const steps = open.statement('steps').all(row.id) as unknown as StepRow[]
            return { run: toRun({ ...row, status: 'running' }), steps: steps.map(toStep), token }
          }),
        ),
      ),
    releaseDead: (isAlive) =>
      act((open) =>
        open.transaction(() => {
          const owners = open.statement('owners').all() as unknown as { lease_owner: string }[]
          let count = 0
          for (const { lease_owner: owner } of owners) {
            if (!isAlive(owner)) count += Number(open.statement('release').run(owner).changes)
          }
          return count
        }),
      ),
    renew: (id, token, leaseUntil) => changed('renew', leaseUntil, id, token),
    saveStep: (id, token, step) =>
      changed(
        'saveStep',
        step.key,
        step.seq,
        step.status,
        step.attempts,
        step.startedAt,
        step.endedAt ?? null,
        step.output === undefined ? null : JSON.stringify(step.output),
        step.error ? JSON.stringify(step.error) : null,
        step.wakeAt ?? null,
        id,
        token,
      ),
    park: (id, token, { wakeAt, attempt }) => changed('park', attempt, wakeAt, id, token),
    markFailing: (id, token, failure) => changed('markFailing', JSON.stringify(failure), id, token),
    end: (id, token, end, now) =>
      changed(
        'end',
        end.status,
        now,
        end.status === 'completed' && end.result !== undefined ? JSON.stringify(end.result) : null,
        end.status === 'failed' ? JSON.stringify(end.error) : null,
        id,
        token,
      ),
    nextDue: () =>
      act((open) => (open.statement('nextDue').get() as { at: number | null } | undefined)?.at ?? undefined),
    cancel: (id, now) => changed('cancel', now, id),
    get: (id) =>
      act((open) => {
        const row = open.statement('get').get(id) as unknown as RunRow | undefined
        return row && { run: toRun(row), steps: (open.statement('steps').all(id) as unknown as StepRow[]).map(toStep) }
      }),
    list: ({ status, job, limit = 50 }) =>
      act((open) =>
        (
          open
            .statement('list')
            .all(status ?? null, status ?? null, job ?? null, job ?? null, limit) as unknown as RunRow[]
        ).map(toRun),
      ),
    counts: () =>
      act((open) => {
        const counts: Record<RunStatus, number> = {
          queued: 0,
          running: 0,
          waiting: 0,
          completed: 0,
          failed: 0,
          cancelled: 0,
        }
        for (const row of open.statement('counts').all() as unknown as { status: RunStatus; count: number }[]) {
          counts[row.status] = row.count
        }
        return counts
      }),
    async close() {
      closed = true
      opened?.close()
      opened = undefined
    },
  }
}

const SQL = {
  enqueue: `insert into runs (id, job, event, carrier, status, created_at, wake_at) values (?, ?, ?, ?, 'queued', ?, ?) on conflict do nothing`,
  due: `select * from runs where ${OPEN} and coalesce(lease_until, wake_at) <= ? order by coalesce(lease_until, wake_at), created_at limit ?`,
  claim: `update runs set status = 'running', lease_token = ?, lease_owner = ?, lease_until = ? where id = ?`,
  steps: `select * from steps where run_id = ? order by seq`,
  owners: `select distinct lease_owner from runs where ${OPEN} and lease_owner is not null`,
  release: `update runs set lease_token = null, lease_owner = null, lease_until = null where ${OPEN} and lease_owner = ?`,
  renew: `update runs set lease_until = ? where id = ? and lease_token = ?`,
  // One statement, so that the fence and the write can't come apart.
  saveStep: `insert or replace into steps (run_id, key, seq, status, attempts, started_at, ended_at, output, error, wake_at)
    select id, ?, ?, ?, ?, ?, ?, ?, ?, ? from runs where id = ? and lease_token = ?`,
  park: `update runs set status = 'waiting', attempt = ?, wake_at = ?, lease_token = null, lease_owner = null, lease_until = null where id = ? and lease_token = ?`,
  markFailing: `update runs set failure = ? where id = ? and lease_token = ?`,
  end: `update runs set status = ?, ended_at = ?, result = ?, error = ?, lease_token = null, lease_owner = null, lease_until = null where id = ? and lease_token = ?`,
  nextDue: `select min(coalesce(lease_until, wake_at)) as at from runs where ${OPEN}`,
  cancel: `update runs set status = 'cancelled', ended_at = ?, lease_token = null, lease_owner = null, lease_until = null where id = ? and ${OPEN}`,
  get: `select * from runs where id = ?`,
  list: `select * from runs where (? is null or status = ?) and (? is null or job = ?) order by created_at desc, id desc limit ?`,
  counts: `select status, count(*) as count from runs group by status`,
} as const
type StatementName = keyof typeof SQL

interface Opened {
  statement(name: StatementName): StatementSync
  transaction<T>(work: () => T): T
  close(): void
}

function openDatabase(path: string, durability: 'process' | 'power'): Opened {
  // Not an import: browsers and edge runtimes load the package's root without it.
  const sqlite = process.getBuiltinModule('node:sqlite') as typeof import('node:sqlite') | undefined
  if (!sqlite) {
    throw new ConfigError('[msc/jobs] [sqlite] This runtime has no node:sqlite.', {
      hint: 'Use Node 22.13 or later, another store, or Inngest.',
    })
  }
  const db: DatabaseSync = new sqlite.DatabaseSync(path, { timeout: 5000 })
  db.exec(
    `pragma journal_mode = wal; pragma synchronous = ${durability === 'power' ? 'full' : 'normal'}; pragma foreign_keys = on`,
  )
  db.exec(SCHEMA)
  const prepared = new Map<StatementName, StatementSync>()
  return {
    statement(name) {
      let statement = prepared.get(name)
      if (!statement) prepared.set(name, (statement = db.prepare(SQL[name])))
      return statement
    },
    transaction(work) {
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

interface RunRow {
  id: string
  job: string
  event: string
  carrier: string
  status: RunStatus
  attempt: number
  created_at: number
  failure: string | null
  ended_at: number | null
  result: string | null
  error: string | null
}

interface StepRow {
  key: string
  seq: number
  status: StepRecord['status']
  attempts: number
  started_at: number
  ended_at: number | null
  output: string | null
  error: string | null
  wake_at: number | null
}

function toRun(row: RunRow): RunRecord {
  return {
    id: row.id,
    job: row.job,
    event: JSON.parse(row.event) as JobEvent,
    carrier: JSON.parse(row.carrier) as RunRecord['carrier'],
    status: row.status,
    attempt: row.attempt,
    createdAt: row.created_at,
    ...(row.failure !== null && { failure: JSON.parse(row.failure) as Failure }),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.result !== null && { result: JSON.parse(row.result) as unknown }),
    ...(row.error !== null && { error: JSON.parse(row.error) as Failure }),
  }
}

function toStep(row: StepRow): StepRecord {
  return {
    key: row.key,
    seq: row.seq,
    status: row.status,
    attempts: row.attempts,
    startedAt: row.started_at,
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.output !== null && { output: JSON.parse(row.output) as unknown }),
    ...(row.error !== null && { error: JSON.parse(row.error) as Failure }),
    ...(row.wake_at !== null && { wakeAt: row.wake_at }),
  }
}

function translate(error: unknown): Error {
  if (error instanceof ConfigError || error instanceof DriverError) return error
  const { message } = toError(error)
  return new DriverError('sqlite', message, { retryable: /locked|busy/i.test(message), cause: error })
}
