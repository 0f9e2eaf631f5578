import { fnv1a } from '@msc/core/hash'
import { duration, type Carrier } from '@msc/core'
import type { AnyJob, Batch, Debounce, JobEvent, KeyPath, Throttle } from './define-job.ts'
import { comparable, valueAt } from './paths.ts'
import { NEVER, type Awaited, type Enqueue, type Gate, type NewRun } from './store.ts'

/** An event for one job that listens to it. */
export interface Arrival {
  readonly job: AnyJob
  readonly event: JobEvent
  readonly carrier: Carrier
}

/** How long an idempotency key is remembered. */
const IDEMPOTENCY_MS = 86_400_000

interface DebounceState {
  readonly runId: string
  readonly eventId: string
  readonly firstAt: number
  readonly ts: number
  readonly until: number
}
interface BatchState {
  readonly runId: string
  readonly eventIds: readonly string[]
  readonly until: number
}
interface ThrottleState {
  /** The theoretical arrival time of the generic cell rate algorithm (ITU-T I.371), milliseconds since the epoch. */
  readonly tat: number
}

/** The gates that these arrivals pass; empty for jobs without flow control. */
export function gateKeys(arrivals: readonly Arrival[]): string[] {
  const keys = new Set<string>()
  for (const { job, event } of arrivals) {
    for (const [kind, option] of flowOf(job)) keys.add(gateKey(kind, job, event, option.key))
  }
  return [...keys]
}

/**
 * What to store for these arrivals, given the gates as they are.
 *
 * @param closed Runs that are known to collect no more events, whatever a gate says.
 */
export function admit(
  arrivals: readonly Arrival[],
  gates: ReadonlyMap<string, Gate>,
  closed: ReadonlySet<string>,
  now: number,
): Pick<Enqueue, 'runs' | 'amend' | 'gates'> {
  const runs = new Map<string, NewRun>()
  const amends = new Map<string, NonNullable<Enqueue['amend']>[number]>()
  const written = new Map<string, { value: unknown; expiresAt: number }>()
  const read = <State>(key: string): State | undefined => {
    const own = written.get(key)
    if (own) return own.value as State
    const gate = gates.get(key)
    return gate && gate.version > 0 ? (JSON.parse(gate.value) as State) : undefined
  }
  const write = (key: string, value: unknown, expiresAt: number): void => void written.set(key, { value, expiresAt })

  const once = ({ job, event }: Arrival): boolean => {
    if (job.idempotencyKey === undefined) return true
    const key = gateKey('once', job, event, job.idempotencyKey)
    const held = read<{ until: number; eventId: string }>(key)
    if (held && held.until > now && held.eventId !== event.id) return false
    write(key, { until: now + IDEMPOTENCY_MS, eventId: event.id }, now + IDEMPOTENCY_MS)
    return true
  }

  /** The run that an open gate collects for, as this call has left it. */
  const collect = (id: string, how: 'replace' | 'append', event: JobEvent, wakeAt: number): void => {
    const own = runs.get(id)
    const before = own?.events ?? amends.get(id)?.[how] ?? []
    const events = how === 'append' ? [...before, event] : [event]
    if (own) runs.set(id, { ...own, events, wakeAt })
    else amends.set(id, { id, [how]: events, wakeAt })
  }

  const debounced = (arrival: Arrival, { period, maxWait, key: path }: Debounce): void => {
    const { job, event } = arrival
    const key = gateKey('debounce', job, event, path)
    const held = read<DebounceState>(key)
    const latest = (firstAt: number): number =>
      Math.min(now + duration(period), maxWait === undefined ? NEVER : firstAt + duration(maxWait))
    if (held && held.until > now && !closed.has(held.runId)) {
      // An older event that comes late says nothing new.
      if (event.ts < held.ts || event.id === held.eventId) return
      const until = latest(held.firstAt)
      collect(held.runId, 'replace', event, until)
      write(key, { ...held, eventId: event.id, ts: event.ts, until }, until)
      return
    }
    const run = runFor(arrival, now)
    const until = latest(now)
    runs.set(run.id, { ...run, wakeAt: until })
    write(key, { runId: run.id, eventId: event.id, firstAt: now, ts: event.ts, until }, until)
  }

  const batched = (arrival: Arrival, { size, timeout, key: path }: Batch): void => {
    const { job, event } = arrival
    const key = gateKey('batch', job, event, path)
    const held = read<BatchState>(key)
    if (held && held.until > now && !closed.has(held.runId)) {
      if (held.eventIds.includes(event.id)) return
      const eventIds = [...held.eventIds, event.id]
      const full = eventIds.length >= size
      collect(held.runId, 'append', event, full ? now : held.until)
      write(key, { ...held, eventIds, until: full ? now : held.until }, held.until)
      return
    }
    const run = runFor(arrival, now)
    const until = size === 1 ? now : now + duration(timeout)
    runs.set(run.id, { ...run, wakeAt: until })
    write(key, { runId: run.id, eventIds: [event.id], until }, until)
  }

  const throttled = (arrival: Arrival, { limit, period, burst = 1, key: path }: Throttle): number => {
    const key = gateKey('throttle', arrival.job, arrival.event, path)
    const interval = duration(period) / limit
    const tat = Math.max(read<ThrottleState>(key)?.tat ?? now, now)
    write(key, { tat: tat + interval }, Math.ceil(tat + interval))
    return Math.max(now, Math.ceil(tat - (burst - 1) * interval))
  }

  for (const arrival of arrivals) {
    const { job } = arrival
    if (!once(arrival)) continue
    if (job.debounce) debounced(arrival, job.debounce)
    else if (job.batch) batched(arrival, job.batch)
    else {
      const run = runFor(arrival, now)
      if (runs.has(run.id)) continue
      const startAt = job.throttle ? throttled(arrival, job.throttle) : now
      runs.set(run.id, startAt > (run.wakeAt ?? now) ? { ...run, wakeAt: startAt } : run)
    }
  }
  return {
    runs: [...runs.values()],
    ...(amends.size > 0 && { amend: [...amends.values()] }),
    ...(written.size > 0 && {
      gates: [...written].map(([key, { value, expiresAt }]) => ({
        key,
        version: gates.get(key)?.version ?? 0,
        value: JSON.stringify(value),
        expiresAt,
      })),
    }),
  }
}

/** A run of a job for one event, without what its flow control would change. */
export function runFor({ job, event, carrier }: Arrival, now: number): NewRun {
  const slots = job.concurrency.map(({ limit, key }, index) => ({
    key: `${job.id}:${index}:${key === undefined ? '' : keyText(valueAt(event, key))}`,
    limit,
  }))
  const cancelOn = job.cancelOn.flatMap(({ event: name, match, timeout }): Awaited[] => {
    const until = timeout === undefined ? NEVER : now + duration(timeout)
    if (match === undefined) return [{ event: name, until }]
    const value = comparable(valueAt(event, match))
    return value === undefined ? [] : [{ event: name, until, path: match, value }]
  })
  return {
    // Made of the event's id: sending it twice inserts nothing new.
    id: `${event.id}.${job.id}`,
    job: job.id,
    events: [event],
    carrier,
    createdAt: now,
    rank: now - Math.round(priorityOf(job, event) * 1000),
    ...(event.ts > now && { wakeAt: event.ts }),
    ...(slots.length > 0 && { slots }),
    ...(cancelOn.length > 0 && { cancelOn }),
  }
}

function priorityOf({ priority }: AnyJob, event: JobEvent): number {
  const value = typeof priority === 'string' ? valueAt(event, priority) : priority
  return typeof value === 'number' && Number.isFinite(value) ? Math.max(-600, Math.min(600, value)) : 0
}

function flowOf(job: AnyJob): [string, { readonly key?: KeyPath | undefined }][] {
  return [
    ...(job.idempotencyKey === undefined ? [] : [['once', { key: job.idempotencyKey }] as [string, { key: string }]]),
    ...(job.debounce ? [['debounce', job.debounce] as [string, Debounce]] : []),
    ...(job.batch ? [['batch', job.batch] as [string, Batch]] : []),
    ...(job.throttle && !job.debounce && !job.batch ? [['throttle', job.throttle] as [string, Throttle]] : []),
  ]
}

function gateKey(kind: string, job: AnyJob, event: JobEvent, path: KeyPath | undefined): string {
  return `${kind}:${job.id}:${path === undefined ? '' : keyText(valueAt(event, path))}`
}

/** A value as part of a key: short whatever it is. */
function keyText(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  return text.length <= 200
    ? text
    : `${text.slice(0, 160)}~${text.length}~${fnv1a(text).toString(36)}${fnv1a(text, 1).toString(36)}`
}
