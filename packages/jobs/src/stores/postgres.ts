import {
  ConfigError,
  assertNumbers,
  deadline,
  sleep,
  systemClock,
  withoutScope,
  type Clock,
  closedError,
} from '@msc/core'
import {
  LEAST_CONNECTIONS,
  assertClient,
  isContention,
  isPooled,
  listen,
  onConnection,
  postgresFailure,
  queryOn,
} from '@msc/core/postgres'
import { assertPostgresAddress, postgresEndpoint } from '@msc/core/postgres-address'
import type { Depth } from '../driver.ts'
import type { ClaimedRun, Enqueue, Gate, JobStore, NextClaim, RunChange, WriteResult } from '../store.ts'
import { createCombiner } from './combine.ts'
import { connectPool, type OwnPool, type PostgresClient, type PostgresQuery } from './postgres-client.ts'
import { decodeRun, decodeStep, encode, encodeBatch, encodeChange } from './postgres-json.ts'
import { createOutages } from './long-outages.ts'
import { FUNCTIONS, TABLES, VERSION } from './postgres-schema.ts'
import { toRun, toStep, type RunRow, type StepRow } from './rows.ts'

export { postgresFromEnv } from '../drivers/postgres-from-env.ts'

export interface PostgresOptions {
  /** `postgres://…`; the pool is then the store's own, made with `pg`. */
  readonly url?: string
  /**
   * A pool of `pg`, or PGlite; the caller's to close. Give a pool a `connectionTimeoutMillis`, or a connection that gets no
   * answer while it is made keeps its place in it.
   */
  readonly client?: PostgresClient
  /** Connections of the store's own pool. Default 6. */
  readonly maxConnections?: number
  /** Milliseconds for one statement, after which its connection is ended. Default 10 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

/** The error of the contract for what a statement or the connection failed with. */
const translate = (error: unknown): Error => postgresFailure(error, { needs: 'the schema msc_jobs' })

/** Calls that write at a time: more of them would make the batches smaller. */
const MAX_CALLS = 4
const MAX_ITEMS = 200
const RETRIES = 5

/**
 * Any number of workers over one Postgres (13 or later), or over PGlite in this process. Keeps its tables in the schema
 * `msc_jobs`, which it makes on first use.
 */
export function postgresStore(options: PostgresOptions): JobStore {
  assertNumbers('jobs', options, { maxConnections: 1, timeoutMs: 1 })
  const { url, maxConnections = 6, timeoutMs = 10_000, clock = systemClock } = options
  if (!url && !options.client) {
    throw new ConfigError('[msc/jobs] [postgres] Missing option `url`.', {
      code: 'POSTGRES_OPTION_MISSING',
      hint: 'Set DATABASE_URL, or pass `url`, or a pool or PGlite as `client`.',
    })
  }
  if (url) assertPostgresAddress(url, { concern: 'jobs' })
  if (options.client !== undefined) assertClient('jobs', options.client)
  if (maxConnections < LEAST_CONNECTIONS) {
    throw new ConfigError('[msc/jobs] [postgres] `maxConnections` must be at least 2: one of them listens.', {
      code: 'JOBS_POOL_TOO_SMALL',
      hint: 'Leave it out, or use 2 or more.',
    })
  }
  let own: OwnPool | undefined
  let preparing: Promise<PostgresClient> | undefined
  let closed = false

  const prepare = async (): Promise<PostgresClient> => {
    const client = options.client ?? (own ??= await connectPool(url as string, maxConnections))
    // With deadlines of its own, as everybody waits for this one promise: it must not hang.
    await migrate(client, (call) => inTime('migration', call))
    return client
  }
  const connected = (): Promise<PostgresClient> => {
    if (closed) throw closedError('postgres')
    return (preparing ??= withoutScope(prepare).catch((error: unknown) => {
      preparing = undefined
      throw error
    }))
  }

  const inTime = <T>(operation: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    deadline(call, { operation: `[msc/jobs] [postgres] ${operation}`, timeoutMs, clock })
  /** Deadlocks and failed serialisations are for whoever met them to try again. */
  const query = async <Row>(text: string, values: unknown[]): Promise<Row[]> => {
    for (let attempt = 0; ; attempt++) {
      try {
        const rows = await inTime('statement', async (signal) => queryOn(await connected(), text, values, signal))
        return rows as Row[]
      } catch (error) {
        if (!isContention(error) || attempt >= RETRIES) throw translate(error)
        await sleep(5 * 2 ** attempt + Math.random() * 10, { clock })
      }
    }
  }
  const one = async <Row>(text: string, values: unknown[]): Promise<Row> => (await query<Row>(text, values))[0] as Row

  const write = createCombiner<Writing, Written>(
    async (items) => {
      const changes = encode(items.map(({ change }) => encodeChange(change)))
      const claims = items.filter(({ next }) => next)
      const [first] = claims
      if (!first?.next) {
        const { outcomes } = await one<{ outcomes: WriteResult[] }>(WRITE, [changes])
        return outcomes.map((result) => ({ result, claimed: [] }))
      }
      const { owner, leaseMs } = first.next
      // A store that two workers share claims for one of them at a time.
      const limits = items.map(({ next }) => (next?.owner === owner ? next.limit : 0))
      const most = limits.reduce((sum, limit) => sum + limit, 0)
      const rows = await query<ClaimRow & { outcomes: WriteResult[] }>(TURN, [
        changes,
        owner,
        first.change.now,
        leaseMs,
        most,
      ])
      const claimed = rows.filter(({ id }) => id !== null).map(toClaimed)
      const { outcomes } = rows[0] as { outcomes: WriteResult[] }
      return outcomes.map((result, index) => ({ result, claimed: claimed.splice(0, limits[index]) }))
    },
    { maxCalls: MAX_CALLS, maxItems: MAX_ITEMS },
  )
  const enqueueOne = async (batch: Enqueue): Promise<boolean> =>
    (await one<{ done: boolean }>(ENQUEUE, [encodeBatch(batch)])).done
  // What changes no gate can't be refused, so several are one.
  const enqueuePlain = createCombiner<Enqueue, boolean>(
    async (batches) => {
      const [first] = batches
      if (batches.length === 1 && first) return [await enqueueOne(first)]
      const runs = batches.flatMap((batch) => batch.runs)
      const events = batches.flatMap((batch) => batch.events)
      const done = await enqueueOne({ runs, events, now: Math.max(...batches.map(({ now }) => now)) })
      return batches.map(() => done)
    },
    { maxCalls: MAX_CALLS, maxItems: MAX_ITEMS },
  )

  return {
    name: 'postgres',
    async health() {
      // A replica, and a server that is read-only by its settings, answer questions all the same.
      const { mode, may } = await one<{ mode: string; may: boolean }>(HEALTH, [])
      if (mode === 'on') throw translate(Object.assign(new Error('The server only reads.'), { code: '25006' }))
      if (!may) throw translate(Object.assign(new Error('The role may not write.'), { code: '42501' }))
    },
    endpoint: postgresEndpoint(url),
    variables: ['DATABASE_URL'],
    subscribe: (onWork, onDeaf) => {
      const reportLong = createOutages(clock, isPooled, (error) => onDeaf?.(translate(error)))
      return withoutScope(async () =>
        listen(await connected(), 'msc_jobs', {
          name: '[msc/jobs] [postgres]',
          onNotice: onWork,
          onListening: onWork,
          onError: reportLong,
          clock,
        }),
      )
    },
    async gates(keys) {
      const rows = await query<{ key: string; value: string; version: string | number }>(
        'select key, value, version from msc_jobs.gates where key = any ($1::text[])',
        [keys],
      )
      const found = new Map(rows.map(({ key, value, version }) => [key, { value, version: Number(version) }]))
      return keys.map((key): Gate => found.get(key) ?? { value: '', version: 0 })
    },
    enqueue: (batch) => (batch.gates || batch.amend ? enqueueOne(batch) : enqueuePlain(batch)),
    async enqueueIn(transaction, batch) {
      if (typeof (transaction as PostgresQuery | null)?.query !== 'function') {
        throw new ConfigError('[msc/jobs] [postgres] `transaction` has no `query(text, values)`.', {
          code: 'JOBS_TRANSACTION_INVALID',
          hint: 'Pass the client of `pg` on which you began the transaction, or what PGlite hands to it.',
        })
      }
      await connected()
      const { rows } = await (transaction as PostgresQuery).query(ENQUEUE, [encodeBatch(batch)])
      return (rows[0] as { done: boolean }).done
    },
    async claim(owner, now, leaseMs, limit) {
      return (await query<ClaimRow>(CLAIM, [owner, now, leaseMs, limit])).map(toClaimed)
    },
    write: async (change) => (await write({ change })).result,
    writeAndClaim: (change, next) => write({ change, next }),
    async renew(owner, ids, until) {
      const rows = await query<{ id: string }>(
        'update msc_jobs.runs set lease_until = $3 where lease_owner = $1 and id = any ($2::text[]) returning id',
        [owner, ids, until],
      )
      return rows.map(({ id }) => id)
    },
    async owners() {
      const rows = await query<{ owner: string }>(
        'select distinct lease_owner as owner from msc_jobs.runs where lease_until is not null',
        [],
      )
      return rows.map(({ owner }) => owner)
    },
    release: async (owner, _now, held = []) =>
      (await one<{ count: number }>('select msc_jobs.release($1, $2) as count', [owner, held])).count,
    async nextDue() {
      const { at } = await one<{ at: string | number | null }>(NEXT_DUE, [])
      return at === null ? undefined : Number(at)
    },
    cancel: async (id, now) => (await one<{ done: boolean }>('select msc_jobs.cancel($1, $2) as done', [id, now])).done,
    async pause(job, paused) {
      if (paused) await query('insert into msc_jobs.pauses (job) values ($1) on conflict do nothing', [job])
      else await query(RESUME, [job])
    },
    async get(id) {
      const [row] = await query<RunRow>('select * from msc_jobs.runs where id = $1', [id])
      if (!row) return undefined
      const steps = await query<StepRow>('select * from msc_jobs.steps where run_id = $1 order by seq', [id])
      return { run: toRun(decodeRun(row)), steps: steps.map((step) => toStep(decodeStep(step))) }
    },
    async list({ status, job, limit = 50, before, eventId }) {
      const values = [status ?? null, job ?? null, before ?? null, limit]
      const found = await (eventId === undefined
        ? query<RunRow>(LIST, values)
        : query<RunRow>(LIST_OF, [...values, eventId]))
      return found.map((row) => toRun(decodeRun(row)))
    },
    depth: async () => toDepths(await query<DepthRow>(DEPTH, [])),
    async prune({ now, completedBefore, failedBefore, keep, limit }) {
      const values = [now, completedBefore, failedBefore, keep, limit]
      return (await one<{ count: number }>('select msc_jobs.prune($1, $2, $3, $4, $5) as count', values)).count
    },
    async close() {
      closed = true
      await preparing?.catch(() => undefined)
      await own?.end()
    },
  }
}

/** Reads the table too: one that is locked or gone can't be written either. */
const HEALTH = `select current_setting('transaction_read_only') as mode,
  has_table_privilege('msc_jobs.runs', 'insert') and has_table_privilege('msc_jobs.runs', 'update') as may,
  (select count(*) from (select from msc_jobs.runs limit 1) as first) as runs`
const LATEST = 'select max(version) as version from msc_jobs.version'
const ENQUEUE = 'select msc_jobs.enqueue($1::json) as done'
const CLAIM = `with expired as materialized (select msc_jobs.expire($2) as count)
  select t.* from expired, lateral msc_jobs.take($1, $2, $3, case when expired.count is null then 0 else $4 end) as t`
const WRITE = 'select msc_jobs.write($1::json) as outcomes'
const TURN = `with written as materialized (select msc_jobs.write($1::json) as outcomes)
  select outcomes, t.* from written
    left join lateral msc_jobs.take($2, $3, $4, case when outcomes is null then 0 else $5 end) as t on true`
const NEXT_DUE = `select case when exists (select 1 from msc_jobs.runs where ready) then 0 else least(
  (select min(wake_at) from msc_jobs.runs where wake_at is not null and wake_at < 8640000000000000),
  (select min(lease_until) from msc_jobs.runs where lease_until is not null)) end as at`
const RESUME = `with resumed as (delete from msc_jobs.pauses where job = $1)
  update msc_jobs.runs set blocked_on = null, ready = true where blocked_on = 'pause:' || $1`
const LIST = `select * from msc_jobs.runs where ($1::text is null or status = $1) and ($2::text is null or job = $2)
  and ($3::text is null or (created_at, id) < (select created_at, id from msc_jobs.runs where id = $3))
  order by created_at desc, id desc limit $4`
const LIST_OF = `select * from msc_jobs.runs where id in (
    select id from msc_jobs.runs where id collate "C" >= $5::text || '.' and id collate "C" < $5::text || '/'
      and (id = $5::text || '.' || job or (starts_with(id, $5::text || '.' || job || '~')
        and substr(id, length($5::text) + length(job) + 2) !~ '[./]'))
    union select run_id from msc_jobs.gathered where event_id = $5::text)
  and ($1::text is null or status = $1) and ($2::text is null or job = $2)
  and ($3::text is null or (created_at, id) < (select created_at, id from msc_jobs.runs where id = $3))
  order by created_at desc, id desc limit $4`
const DEPTH = `select job, status, count(*) as count, min(created_at) as oldest,
    job in (select job from msc_jobs.pauses) or exists (select 1 from msc_jobs.pauses where job = '*') as paused
  from msc_jobs.runs where status in ('queued', 'running', 'waiting', 'failed') group by job, status order by job`

interface Writing {
  readonly change: RunChange
  readonly next?: NextClaim
}
interface Written {
  readonly result: WriteResult
  readonly claimed: ClaimedRun[]
}
type ClaimRow = RunRow & { readonly steps: string | null }

function toClaimed(row: ClaimRow): ClaimedRun {
  const steps = row.steps === null ? [] : (JSON.parse(row.steps) as StepRow[])
  return {
    run: toRun(decodeRun(row)),
    steps: steps.map((step) => toStep(decodeStep(step))),
    epoch: Number(row.epoch),
  }
}

interface DepthRow {
  readonly job: string
  readonly status: 'queued' | 'running' | 'waiting' | 'failed'
  readonly count: string | number
  readonly oldest: string | number
  readonly paused: boolean
}

function toDepths(rows: readonly DepthRow[]): Depth[] {
  const depths = new Map<string, { -readonly [Key in keyof Depth]: Depth[Key] }>()
  for (const { job, status, count, oldest, paused } of rows) {
    const known = depths.get(job) ?? { job, queued: 0, running: 0, waiting: 0, failed: 0, paused }
    depths.set(job, known)
    known[status] = Number(count)
    if (status === 'queued') known.oldestQueuedAt = Number(oldest)
  }
  return [...depths.values()]
}

/** Makes what is missing; one process at a time. Each statement is run by `inTime`. */
async function migrate(
  client: PostgresClient,
  inTime: <T>(call: (signal: AbortSignal) => Promise<T>) => Promise<T>,
): Promise<void> {
  const ask = async <Row>(text: string): Promise<Row> =>
    (await inTime((signal) => queryOn(client, text, [], signal)))[0] as Row
  const version = async (): Promise<number> => {
    const { there } = await ask<{ there: boolean }>(`select to_regclass('msc_jobs.version') is not null as there`)
    if (!there) return 0
    return Number((await ask<{ version: number | null }>(LATEST)).version ?? 0)
  }
  if ((await version()) >= VERSION) return
  // Several statements without values are one simple query, which `pg` sends as it is and PGlite calls `exec`. It is a transaction by
  // itself; one that it began would stay open when a statement fails, on the only connection that PGlite has.
  const script = `select pg_advisory_xact_lock(6071103); ${TABLES} ${FUNCTIONS}
    insert into msc_jobs.version select ${VERSION} where not exists (select 1 from msc_jobs.version where version >= ${VERSION})`
  if ('exec' in client) await client.exec(script)
  else await inTime((signal) => onConnection(client, (connection) => connection.query(script), signal))
}
