import { ConfigError } from '@msc/core'
import type { Depth } from '../driver.ts'
import { comparable, valueAt } from '../paths.ts'
import {
  NEVER,
  isGathered,
  type Enqueue,
  type JobStore,
  type NewRun,
  type RunChange,
  type Slot,
  type StepRecord,
  type WriteResult,
} from '../store.ts'
import { text, toRun, toStep, type RunRow, type StepRow } from './rows.ts'
import { createDatabase, type Durability, type Statements } from './sqlite-database.ts'

export { sqliteFromEnv } from '../drivers/sqlite-from-env.ts'

export interface SqliteOptions {
  /** The file; it is made when it does not exist. Its folder must exist. */
  readonly path: string
  /**
   * What an acknowledged write survives: a kill of the process (`process`: WAL with synchronous=NORMAL), or also a loss
   * of power (`power`: synchronous=FULL, an fsync for each turn of the event loop that writes). Default `process`.
   */
  readonly durability?: Durability
}

/** One file on this machine, shared by any number of processes. Needs Node ≥ 22.13. */
export function sqliteStore(options: SqliteOptions): JobStore {
  const { path, durability = 'process' } = options
  if (!path)
    throw new ConfigError('[msc/jobs] [sqlite] Missing option `path`.', {
      code: 'SQLITE_OPTION_MISSING',
      hint: 'Name the file that keeps the runs.',
    })
  const database = createDatabase(path, durability)
  const { act } = database

  return {
    name: 'sqlite',
    gates: (keys) =>
      act((db) =>
        keys.map((key) => (db.statement('gate').get(key) as { value: string; version: number } | undefined) ?? NO_GATE),
      ),
    enqueue: (batch) => act((db) => enqueue(db, batch)),
    claim: (owner, now, leaseMs, limit) => act((db) => claim(db, owner, now, leaseMs, limit)),
    write: (change) => act((db) => write(db, change)),
    writeAndClaim: (change, { owner, leaseMs, limit }) =>
      act((db) => {
        const result = write(db, change)
        return { result, claimed: claim(db, owner, change.now, leaseMs, limit) }
      }),
    renew: (owner, ids, until) =>
      act((db) => ids.filter((id) => Number(db.statement('renew').run(until, id, owner).changes) > 0)),
    owners: () => act((db) => rows<{ owner: string }>(db, 'owners').map(({ owner }) => owner)),
    release: (owner, _now, held = []) =>
      act((db) => {
        const freed = rows<{ id: string }>(db, 'held', owner).filter(({ id }) => !held.includes(id))
        for (const { id } of freed) giveUp(db, id)
        return freed.length
      }),
    nextDue: () =>
      act((db) => {
        if (db.statement('anyReady').get()) return 0
        const at = (name: 'nextTimer' | 'nextLease'): number =>
          (db.statement(name).get() as { at: number | null }).at ?? NEVER
        const next = Math.min(at('nextTimer'), at('nextLease'))
        return next >= NEVER ? undefined : next
      }),
    cancel: (id, now) =>
      act((db) => {
        const row = db.statement('parent').get(id) as unknown as Ending | undefined
        if (row) end(db, id, row, { status: 'cancelled' }, now)
        return row !== undefined
      }),
    pause: (job, paused) =>
      act((db) => {
        db.statement(paused ? 'pause' : 'resume').run(job)
        if (!paused) db.statement('unblockAll').run(`pause:${job}`)
      }),
    get: (id) =>
      act((db) => {
        const row = db.statement('get').get(id) as unknown as RunRow | undefined
        return row && { run: toRun(row), steps: rows<StepRow>(db, 'steps', id).map(toStep) }
      }),
    list: ({ status, job, limit = 50, before, eventId }) =>
      act((db) => {
        const values = [status ?? null, job ?? null, before ?? null, limit]
        const found =
          eventId === undefined ? rows<RunRow>(db, 'list', ...values) : rows<RunRow>(db, 'listOf', ...values, eventId)
        return found.map(toRun)
      }),
    depth: () => act(depth),
    prune: ({ now, completedBefore, failedBefore, keep, limit }) =>
      act((db) => {
        const gone = [
          ...rows<{ id: string }>(db, 'overdue', completedBefore, failedBefore, limit),
          ...rows<{ id: string }>(db, 'surplus', keep, limit),
        ].map(({ id }) => id)
        const ids = [...new Set(gone)].slice(0, limit)
        for (const id of ids) {
          db.statement('deleteSteps').run(id)
          db.statement('deleteGathered').run(id)
          db.statement('deleteRun').run(id)
        }
        db.statement('deleteGates').run(now)
        return ids.length
      }),
    close: () => database.close(),
  }
}

const NO_GATE = { value: '', version: 0 }
/** Prefix of the waits that cancel: no step's key has it. */
const CANCEL = '\u0001cancel:'

type Name = Parameters<Statements['statement']>[0]

function rows<Row>(db: Statements, name: Name, ...values: (string | number | null)[]): Row[] {
  return db.statement(name).all(...values) as unknown as Row[]
}

function enqueue(db: Statements, { runs, events, amend = [], gates = [], now }: Enqueue): boolean {
  for (const { key, version } of gates) {
    const held = db.statement('gate').get(key) as { version: number } | undefined
    if ((held?.version ?? 0) !== version) return false
  }
  const collecting = amend.map(({ id }) => db.statement('collecting').get(id) as { events: string } | undefined)
  if (collecting.includes(undefined)) return false
  for (const { key, version, value, expiresAt } of gates)
    db.statement('setGate').run(key, value, version + 1, expiresAt)
  for (const [index, { id, replace, append = [], wakeAt }] of amend.entries()) {
    const before = JSON.parse((collecting[index] as { events: string }).events) as unknown[]
    const due = wakeAt <= now
    gather(db, id, replace ?? append)
    db.statement('amend').run(JSON.stringify(replace ?? [...before, ...append]), due ? 1 : 0, due ? null : wakeAt, id)
  }
  for (const event of events) deliver(db, event, now)
  for (const run of runs) insert(db, run)
  return true
}

function insert(db: Statements, run: NewRun): void {
  const { id, job, events, carrier, createdAt, rank, wakeAt, slots, cancelOn = [], parent, steps = [], replayOf } = run
  const later = wakeAt !== undefined && wakeAt > createdAt
  const inserted = db
    .statement('insert')
    .run(
      id,
      job,
      JSON.stringify(events),
      JSON.stringify(carrier),
      createdAt,
      rank,
      later ? 0 : 1,
      later ? wakeAt : null,
      text(slots),
      parent?.runId ?? null,
      parent?.key ?? null,
      replayOf ?? null,
    )
  if (Number(inserted.changes) === 0) return
  if (isGathered(run)) gather(db, id, events)
  for (const step of steps) saveStep(db, id, step)
  for (const [index, { event, path, value, until }] of cancelOn.entries()) {
    db.statement('wait').run(id, `${CANCEL}${index}`, event, path ?? null, value ?? null, until)
  }
}

function gather(db: Statements, id: string, events: NewRun['events']): void {
  for (const event of events) db.statement('gather').run(event.id, id)
}

function deliver(db: Statements, event: Enqueue['events'][number], now: number): void {
  for (const { path } of rows<{ path: string | null }>(db, 'paths', event.name)) {
    const value = path === null ? null : comparable(valueAt(event, path))
    if (value === undefined) continue
    for (const waiter of rows<{ run_id: string; key: string }>(db, 'waiters', event.name, path, value, now)) {
      if (waiter.key.startsWith(CANCEL)) {
        const row = db.statement('parent').get(waiter.run_id) as unknown as Ending | undefined
        if (row) end(db, waiter.run_id, row, { status: 'cancelled' }, now)
      } else settle(db, waiter.run_id, waiter.key, { status: 'completed', output: JSON.stringify(event) }, now)
    }
  }
}

/** A step has what it waited for: the run goes on, or hears of it when it would park. */
function settle(
  db: Statements,
  runId: string,
  key: string,
  {
    status,
    output = null,
    error = null,
  }: { status: 'completed' | 'failed'; output?: string | null; error?: string | null },
  now: number,
): void {
  db.statement('unwait').run(runId, key)
  if (Number(db.statement('settle').run(status, now, output, error, runId, key).changes) === 0) return
  db.statement('signal').run(runId)
}

interface Ending {
  readonly parent_run: string | null
  readonly parent_key: string | null
  readonly slotted: number
  readonly job: string
}

function end(
  db: Statements,
  id: string,
  row: Ending,
  ending: { status: 'completed' | 'failed' | 'cancelled'; result?: unknown; error?: unknown },
  now: number,
): void {
  const { status, result, error } = ending
  const output = status === 'completed' ? (text(result) ?? 'null') : null
  db.statement('end').run(status, now, output, text(error), id)
  db.statement('unwaitAll').run(id)
  if (row.slotted) vacate(db, id)
  if (row.parent_run === null || row.parent_key === null) return
  const failure = text(error ?? { name: 'Error', message: `${row.job} was cancelled.` })
  const outcome = status === 'completed' ? { status, output } : { status: 'failed' as const, error: failure }
  settle(db, row.parent_run, row.parent_key, outcome, now)
}

/** Gives its slots to the first that wait for them. */
function vacate(db: Statements, id: string): void {
  const held = rows<{ key: string }>(db, 'slotsOf', id)
  db.statement('vacate').run(id)
  for (const { key } of held) db.statement('unblock').run(key)
}

function giveUp(db: Statements, id: string): void {
  db.statement('giveUp').run(id)
  vacate(db, id)
}

function claim(db: Statements, owner: string, now: number, leaseMs: number, limit: number) {
  db.statement('promote').run(now)
  for (const { id } of rows<{ id: string }>(db, 'expired', now)) giveUp(db, id)
  const paused = new Set(rows<{ job: string }>(db, 'paused').map(({ job }) => job))
  const claimed: { row: RunRow; epoch: number; startedAt: number }[] = []
  while (claimed.length < limit) {
    const ready = rows<RunRow & { slots: string | null }>(db, 'ready', limit - claimed.length)
    for (const row of ready) {
      const slots = row.slots === null ? [] : (JSON.parse(row.slots) as Slot[])
      const obstacle = obstacleOf(db, row.job, slots, paused)
      if (obstacle !== undefined) {
        db.statement('block').run(obstacle, row.id)
        // It had been let go for the sake of another slot, which is free for the next one.
        for (const slot of slots) if (slot.key !== obstacle && !isTaken(db, slot)) db.statement('unblock').run(slot.key)
        continue
      }
      db.statement('claim').run(owner, now + leaseMs, now, row.id)
      for (const { key } of slots) db.statement('take').run(key, row.id)
      claimed.push({ row, epoch: row.epoch + 1, startedAt: row.started_at ?? now })
    }
    if (ready.length === 0) break
  }
  return claimed.map(({ row, epoch, startedAt }) => ({
    run: toRun({ ...row, status: 'running', started_at: startedAt }),
    // What was never claimed has no steps, but those that a replay brings.
    steps: row.epoch === 0 && row.replay_of === null ? [] : rows<StepRow>(db, 'steps', row.id).map(toStep),
    epoch,
  }))
}

function obstacleOf(
  db: Statements,
  job: string,
  slots: readonly Slot[],
  paused: ReadonlySet<string>,
): string | undefined {
  if (paused.has('*')) return 'pause:*'
  if (paused.has(job)) return `pause:${job}`
  return slots.find((slot) => isTaken(db, slot))?.key
}

function isTaken(db: Statements, { key, limit }: Slot): boolean {
  return (db.statement('taken').get(key) as { count: number }).count >= limit
}

function write(db: Statements, change: RunChange): WriteResult {
  const { id, epoch, now, steps = [], waits = {}, spawn = [], failure, park, end: ending } = change
  const row = db.statement('owned').get(id, epoch) as unknown as (Ending & { signalled: number }) | undefined
  if (!row) return 'lost'
  let result: WriteResult = 'written'
  for (const step of steps) {
    if (!saveStep(db, id, step)) {
      result = 'settled'
      continue
    }
    const awaited = waits[step.key]
    if (awaited) {
      db.statement('wait').run(id, step.key, awaited.event, awaited.path ?? null, awaited.value ?? null, awaited.until)
    } else if (step.wakeAt === undefined && step.attempts === 0) db.statement('unwait').run(id, step.key)
  }
  for (const run of spawn) insert(db, run)
  if (failure) db.statement('failing').run(JSON.stringify(failure), id)
  if (park) {
    const due = row.signalled === 1 || park.wakeAt <= now
    db.statement('park').run(park.attempt, due ? 1 : 0, due ? null : park.wakeAt, id)
    if (row.slotted) vacate(db, id)
  }
  if (ending) end(db, id, row, ending, now)
  return result
}

/** False when it had been settled already. */
function saveStep(db: Statements, id: string, step: StepRecord): boolean {
  const { key, seq, status, attempts, startedAt, endedAt, output, error, wakeAt } = step
  const saved = db
    .statement('saveStep')
    .run(id, key, seq, status, attempts, startedAt, endedAt ?? null, text(output), text(error), wakeAt ?? null)
  return Number(saved.changes) > 0
}

function depth(db: Statements): Depth[] {
  const paused = new Set(rows<{ job: string }>(db, 'paused').map(({ job }) => job))
  const depths = new Map<string, { -readonly [Key in keyof Depth]: Depth[Key] }>()
  for (const { job, status, count, oldest } of rows<{
    job: string
    status: 'queued' | 'running' | 'waiting' | 'failed'
    count: number
    oldest: number
  }>(db, 'depth')) {
    const isPaused = paused.has('*') || paused.has(job)
    const known = depths.get(job) ?? { job, queued: 0, running: 0, waiting: 0, failed: 0, paused: isPaused }
    depths.set(job, known)
    known[status] = count
    if (status === 'queued') known.oldestQueuedAt = oldest
  }
  return [...depths.values()]
}
