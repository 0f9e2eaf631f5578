import { assertNumbers } from '@msc/core'
import type { Depth, RunStatus } from '../driver.ts'
import { comparable, valueAt } from '../paths.ts'
import {
  NEVER,
  isGathered,
  isRunOf,
  type Awaited,
  type ClaimedRun,
  type Enqueue,
  type Gate,
  type JobStore,
  type NewRun,
  type RunChange,
  type RunRecord,
  type Slot,
  type StepRecord,
  type WriteResult,
} from '../store.ts'
import { createSorted } from './sorted.ts'

export interface MemoryStoreOptions {
  /** Ended runs that are kept at most, the latest. Default 10 000. */
  readonly keep?: number
}

/** Where an open run is: in exactly one of these places. */
type Place =
  | { readonly in: 'ready' }
  | { readonly in: 'timer'; readonly at: number }
  | { readonly in: 'lease'; readonly owner: string; readonly until: number }
  | { readonly in: 'blocked'; readonly key: string }
  | { readonly in: 'ended' }

interface Row {
  run: RunRecord
  readonly steps: Map<string, StepRecord>
  /** By step; `''` cancels the run. */
  readonly waits: Map<string, Awaited>
  readonly rank: number
  readonly slots: readonly Slot[]
  readonly parent: NewRun['parent']
  /** Events of a debounce or a batch, also those that a later one took the place of. */
  readonly gathered: Set<string>
  epoch: number
  place: Place
  /** Something it waits for came while it was running. */
  signalled: boolean
}

/** Runs in this process alone, gone when it ends: for tests, and for work that may be lost. */
export function memoryStore(options: MemoryStoreOptions = {}): JobStore {
  assertNumbers('jobs', options, { keep: { least: 0, most: Infinity } })
  const { keep = 10_000 } = options
  const rows = new Map<string, Row>()
  const ready = createSorted<Row>()
  const timers = createSorted<Row>()
  const leases = new Set<Row>()
  const blocked = new Map<string, ReturnType<typeof createSorted<Row>>>()
  const working = new Map<string, Set<Row>>()
  const waiting = new Map<string, Set<Row>>()
  const gates = new Map<string, Gate & { expiresAt: number }>()
  const paused = new Set<string>()
  const ended: string[] = []

  // Everything stored has been through JSON, as in every other store.
  const copy = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T))
  const isOpen = (row: Row): boolean => row.place.in !== 'ended'

  /** The one place in which a run changes hands. */
  const move = (row: Row, place: Place): void => {
    const before = row.place
    if (before.in === 'ready') ready.remove(row, row.rank)
    else if (before.in === 'timer') timers.remove(row, before.at)
    else if (before.in === 'blocked') blocked.get(before.key)?.remove(row, row.rank)
    else if (before.in === 'lease') {
      leases.delete(row)
      if (place.in !== 'lease') vacate(row)
    }
    row.place = place
    if (place.in === 'ready') ready.add(row, row.rank)
    else if (place.in === 'timer') timers.add(row, place.at)
    else if (place.in === 'lease') leases.add(row)
    else if (place.in === 'blocked') {
      const queue = blocked.get(place.key) ?? createSorted<Row>()
      blocked.set(place.key, queue)
      queue.add(row, row.rank)
    }
  }

  const vacate = (row: Row): void => {
    for (const { key } of row.slots) {
      working.get(key)?.delete(row)
      if (working.get(key)?.size === 0) working.delete(key)
      unblock(key)
    }
  }

  /** The first that waits for a slot may look again. */
  const unblock = (key: string): void => {
    const next = blocked.get(key)?.first()?.item
    if (next) move(next, { in: 'ready' })
    else blocked.delete(key)
  }

  const taken = ({ key, limit }: Slot): boolean => (working.get(key)?.size ?? 0) >= limit

  const obstacle = (row: Row): string | undefined => {
    if (paused.has('*')) return 'pause:*'
    if (paused.has(row.run.job)) return `pause:${row.run.job}`
    return row.slots.find(taken)?.key
  }

  const insert = (run: NewRun): void => {
    if (rows.has(run.id)) return
    const { rank, wakeAt, slots = [], cancelOn = [], parent, steps = [], ...record } = run
    const row: Row = {
      run: { ...copy(record), status: 'queued', attempt: 0 },
      steps: new Map(copy(steps).map((step) => [step.key, step])),
      waits: new Map(),
      rank,
      slots,
      parent,
      gathered: new Set(isGathered(run) ? run.events.map((event) => event.id) : []),
      epoch: 0,
      place: { in: 'ended' },
      signalled: false,
    }
    rows.set(run.id, row)
    for (const [index, awaited] of cancelOn.entries()) listen(row, `${CANCEL}${index}`, awaited)
    move(row, wakeAt === undefined || wakeAt <= run.createdAt ? { in: 'ready' } : { in: 'timer', at: wakeAt })
  }

  const listen = (row: Row, key: string, awaited: Awaited): void => {
    row.waits.set(key, awaited)
    const listeners = waiting.get(awaited.event) ?? new Set()
    waiting.set(awaited.event, listeners.add(row))
  }

  const stopListening = (row: Row, key: string): void => {
    const event = row.waits.get(key)?.event
    if (event === undefined) return
    row.waits.delete(key)
    if (![...row.waits.values()].some((other) => other.event === event)) waiting.get(event)?.delete(row)
    if (waiting.get(event)?.size === 0) waiting.delete(event)
  }

  /** A step has what it waited for. */
  const settle = (row: Row, key: string, change: Partial<StepRecord>, now: number): void => {
    const step = row.steps.get(key)
    if (step?.status !== 'waiting' || !isOpen(row)) return
    const { wakeAt: _wakeAt, ...rest } = step
    row.steps.set(key, { ...rest, ...change, endedAt: now })
    stopListening(row, key)
    if (row.place.in === 'timer') move(row, { in: 'ready' })
    else if (row.place.in === 'lease') row.signalled = true
  }

  const deliver = (event: Enqueue['events'][number], now: number): void => {
    for (const row of waiting.get(event.name) ?? []) {
      for (const [key, { event: name, path, value, until }] of row.waits) {
        if (name !== event.name || now >= until) continue
        if (path !== undefined && comparable(valueAt(event, path)) !== value) continue
        if (key.startsWith(CANCEL)) end(row, { status: 'cancelled' }, now)
        else settle(row, key, { status: 'completed', output: copy(event) }, now)
      }
    }
  }

  const end = (row: Row, change: Partial<RunRecord> & { status: RunStatus }, now: number): void => {
    row.run = { ...row.run, ...copy(change), endedAt: now }
    for (const key of row.waits.keys()) stopListening(row, key)
    move(row, { in: 'ended' })
    ended.push(row.run.id)
    const parent = row.parent && rows.get(row.parent.runId)
    if (row.parent && parent) {
      const { result = null, error = { name: 'Error', message: `${row.run.job} was cancelled.` } } = row.run
      const outcome: Partial<StepRecord> =
        change.status === 'completed' ? { status: 'completed', output: result } : { status: 'failed', error }
      settle(parent, row.parent.key, outcome, now)
    }
    while (ended.length > keep) rows.delete(ended.shift() as string)
  }

  const owned = (id: string, epoch: number): Row | undefined => {
    const row = rows.get(id)
    return row?.place.in === 'lease' && row.epoch === epoch ? row : undefined
  }

  const write = (change: RunChange): WriteResult => {
    const row = owned(change.id, change.epoch)
    if (!row) return 'lost'
    const { steps = [], waits = {}, spawn = [], failure, park, end: ending, now } = change
    let result: WriteResult = 'written'
    for (const step of steps) {
      const known = row.steps.get(step.key)?.status
      if (known === 'completed' || known === 'failed') {
        result = 'settled'
        continue
      }
      row.steps.set(step.key, copy(step))
      const awaited = waits[step.key]
      if (awaited) listen(row, step.key, awaited)
      else stopListening(row, step.key)
    }
    for (const run of spawn) insert(run)
    if (failure) row.run = { ...row.run, failure }
    if (park) {
      row.run = { ...row.run, status: 'waiting', attempt: park.attempt }
      move(row, row.signalled || park.wakeAt <= now ? { in: 'ready' } : { in: 'timer', at: park.wakeAt })
      row.signalled = false
    }
    if (ending) end(row, ending, now)
    return result
  }

  /** What is due becomes ready. */
  const promote = (now: number): void => {
    for (let first = timers.first(); first && first.at <= now; first = timers.first()) move(first.item, { in: 'ready' })
    for (const row of leases) if ((row.place as { until: number }).until <= now) giveUp(row)
  }

  const giveUp = (row: Row): void => {
    row.run = { ...row.run, status: 'waiting' }
    row.signalled = false
    move(row, { in: 'ready' })
  }

  const claimNext = (owner: string, now: number, until: number): Row | undefined => {
    for (let row = ready.first()?.item; row; row = ready.first()?.item) {
      const key = obstacle(row)
      if (key === undefined) {
        row.epoch += 1
        row.run = { ...row.run, status: 'running', startedAt: row.run.startedAt ?? now }
        move(row, { in: 'lease', owner, until })
        for (const slot of row.slots) working.set(slot.key, (working.get(slot.key) ?? new Set()).add(row))
        return row
      }
      move(row, { in: 'blocked', key })
      // It had been let go for the sake of another slot, which is free for the next one.
      for (const slot of row.slots) if (slot.key !== key && !taken(slot)) unblock(slot.key)
    }
    return undefined
  }

  const claim = (owner: string, now: number, leaseMs: number, limit: number): ClaimedRun[] => {
    promote(now)
    const claimed: Row[] = []
    while (claimed.length < limit) {
      const row = claimNext(owner, now, now + leaseMs)
      if (!row) break
      claimed.push(row)
    }
    return claimed.map(({ run, steps, epoch }) => ({ run, steps: [...steps.values()].map(copy), epoch }))
  }

  return {
    name: 'memory',
    async gates(keys) {
      return keys.map((key) => gates.get(key) ?? { value: '', version: 0 })
    },
    async enqueue({ runs, events, amend = [], gates: changes = [], now }) {
      if (changes.some(({ key, version }) => (gates.get(key)?.version ?? 0) !== version)) return false
      if (amend.some(({ id }) => rows.get(id)?.place.in !== 'timer')) return false
      for (const { key, version, value, expiresAt } of changes)
        gates.set(key, { value, version: version + 1, expiresAt })
      for (const { id, replace, append = [], wakeAt } of amend) {
        const row = rows.get(id) as Row
        row.run = { ...row.run, events: copy(replace ?? [...row.run.events, ...append]) }
        for (const event of replace ?? append) row.gathered.add(event.id)
        move(row, wakeAt <= now ? { in: 'ready' } : { in: 'timer', at: wakeAt })
      }
      for (const event of events) deliver(event, now)
      for (const run of runs) insert(run)
      return true
    },
    claim: async (owner, now, leaseMs, limit) => claim(owner, now, leaseMs, limit),
    write: async (change) => write(change),
    async writeAndClaim(change, { owner, leaseMs, limit }) {
      const result = write(change)
      return { result, claimed: claim(owner, change.now, leaseMs, limit) }
    },
    async renew(owner, ids, until) {
      return ids.filter((id) => {
        const row = rows.get(id)
        if (row?.place.in !== 'lease' || row.place.owner !== owner) return false
        row.place = { in: 'lease', owner, until }
        return true
      })
    },
    async owners() {
      return [...new Set([...leases].map(({ place }) => (place as { owner: string }).owner))]
    },
    async release(owner, _now, held = []) {
      const freed = [...leases].filter(
        ({ run, place }) => (place as { owner: string }).owner === owner && !held.includes(run.id),
      )
      for (const row of freed) giveUp(row)
      return freed.length
    },
    async nextDue() {
      if (ready.size > 0) return 0
      let next = timers.first()?.at ?? NEVER
      for (const { place } of leases) next = Math.min(next, (place as { until: number }).until)
      return next === NEVER ? undefined : next
    },
    async cancel(id, now) {
      const row = rows.get(id)
      if (!row || !isOpen(row)) return false
      end(row, { status: 'cancelled' }, now)
      return true
    },
    async pause(job, isPaused) {
      if (isPaused) paused.add(job)
      else paused.delete(job)
      const queue = blocked.get(`pause:${job}`)
      if (!isPaused) for (let row = queue?.first()?.item; row; row = queue?.first()?.item) move(row, { in: 'ready' })
    },
    async get(id) {
      const row = rows.get(id)
      return row && { run: row.run, steps: [...row.steps.values()] }
    },
    async list({ status, job, limit = 50, before, eventId }) {
      const from = before === undefined ? undefined : rows.get(before)?.run
      return [...rows.values()]
        .filter(({ run, gathered }) => eventId === undefined || isRunOf(run, eventId) || gathered.has(eventId))
        .map((row) => row.run)
        .filter((run) => (!status || run.status === status) && (!job || run.job === job))
        .toSorted(latestFirst)
        .filter((run) => !from || latestFirst(from, run) < 0)
        .slice(0, limit)
    },
    async depth() {
      const depths = new Map<string, { -readonly [Key in keyof Depth]: Depth[Key] }>()
      for (const { run } of rows.values()) {
        if (run.status === 'completed' || run.status === 'cancelled') continue
        const isPaused = paused.has('*') || paused.has(run.job)
        const depth = depths.get(run.job) ?? {
          job: run.job,
          queued: 0,
          running: 0,
          waiting: 0,
          failed: 0,
          paused: isPaused,
        }
        depths.set(run.job, depth)
        depth[run.status] += 1
        if (run.status === 'queued') depth.oldestQueuedAt = Math.min(depth.oldestQueuedAt ?? NEVER, run.createdAt)
      }
      return [...depths.values()].toSorted((a, b) => (a.job < b.job ? -1 : 1))
    },
    async prune({ now, completedBefore, failedBefore, keep: kept, limit }) {
      let count = 0
      for (const [index, id] of [...ended].entries()) {
        if (count >= limit) break
        const run = rows.get(id)?.run
        const before = run?.status === 'completed' ? completedBefore : failedBefore
        if (run && (run.endedAt ?? NEVER) >= before && ended.length - index <= kept) continue
        rows.delete(id)
        count += 1
      }
      const gone = ended.filter((id) => rows.has(id))
      ended.splice(0, ended.length, ...gone)
      for (const [key, gate] of gates) if (gate.expiresAt <= now) gates.delete(key)
      return count
    },
    async close() {},
  }
}

/** Prefix of the waits that cancel: no step's key can have it. */
const CANCEL = '\u0000cancel:'

function latestFirst(a: RunRecord, b: RunRecord): number {
  return b.createdAt - a.createdAt || (a.id === b.id ? 0 : a.id < b.id ? 1 : -1)
}
