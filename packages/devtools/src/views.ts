import type { Journal, JournalRecord } from '@msc/core'

/** Errors that are one issue. */
export interface Issue {
  readonly fingerprint: string
  readonly name: string
  readonly count: number
  readonly users: number
  /** Milliseconds since the epoch. */
  readonly firstSeen: number
  readonly lastSeen: number
  readonly latest: JournalRecord
}

/** One run of a job, as its telemetry tells it. */
export interface Run {
  readonly runId: string
  readonly job: string
  readonly outcome: string
  readonly traceId: string | undefined
  readonly startedAt: number
  readonly durationMs: number
  readonly steps: readonly {
    readonly name: string
    readonly attempt: number
    readonly outcome: string
    readonly startedAt: number
    readonly durationMs: number
  }[]
}

/** Everything of one trace. */
export interface Trace {
  readonly traceId: string
  readonly name: string
  readonly startedAt: number
  readonly durationMs: number
  readonly failed: boolean
  readonly records: number
}

const SCAN = 10_000

export function issues(journal: Journal): Issue[] {
  const groups = new Map<string, JournalRecord[]>()
  for (const record of journal.query({ kinds: ['error'], limit: SCAN })) {
    const key = record.fingerprint ?? record.name
    const group = groups.get(key)
    if (group) group.push(record)
    else groups.set(key, [record])
  }
  return [...groups]
    .map(([fingerprint, records]) => {
      const latest = records[0] as JournalRecord
      return {
        fingerprint,
        name: latest.name,
        count: records.length,
        users: new Set(records.map(({ userId }) => userId).filter((id) => id !== undefined)).size,
        firstSeen: Math.min(...records.map(({ ts }) => ts)),
        lastSeen: Math.max(...records.map(({ ts }) => ts)),
        latest,
      }
    })
    .toSorted((a, b) => b.lastSeen - a.lastSeen)
}

export function runs(journal: Journal): Run[] {
  const found = new Map<string, { latest: JournalRecord | undefined; steps: JournalRecord[] }>()
  for (const record of journal.query({ kinds: ['run', 'step'], limit: SCAN })) {
    // A scheduled run has no id of its own: its record is all there is of it.
    const runId = text(attributes(record)['runId']) || (record.kind === 'run' ? record.id : '')
    if (runId === '') continue
    const run = found.get(runId) ?? { latest: undefined, steps: [] }
    found.set(runId, run)
    if (record.kind === 'step') run.steps.unshift(record)
    else run.latest ??= record
  }
  return [...found]
    .map(([runId, { latest, steps }]) => toRun(runId, latest, steps))
    .toSorted((a, b) => b.startedAt - a.startedAt)
}

function toRun(runId: string, latest: JournalRecord | undefined, records: readonly JournalRecord[]): Run {
  const steps = records.map((record) => ({
    name: text(attributes(record)['step']),
    attempt: Number(attributes(record)['attempt'] ?? 1),
    outcome: text(attributes(record)['outcome']),
    startedAt: record.ts,
    durationMs: durationOf(record),
  }))
  const all = latest ? [latest, ...records] : records
  const startedAt = Math.min(...all.map(({ ts }) => ts))
  return {
    runId,
    job: text(attributes(all[0] as JournalRecord)['job']),
    outcome: latest ? text(attributes(latest)['outcome']) : 'running',
    traceId: all.find(({ traceId }) => traceId !== undefined)?.traceId,
    startedAt,
    durationMs: Math.max(...all.map((record) => record.ts + durationOf(record))) - startedAt,
    steps,
  }
}

export function traces(journal: Journal, limit = 200): Trace[] {
  const found = new Map<string, JournalRecord[]>()
  for (const record of journal.query({ limit: SCAN })) {
    if (record.traceId === undefined) continue
    const records = found.get(record.traceId)
    if (records) records.push(record)
    else found.set(record.traceId, [record])
  }
  return [...found].slice(0, limit).map(([traceId, records]) => summary(traceId, records))
}

function summary(traceId: string, records: readonly JournalRecord[]): Trace {
  const startedAt = Math.min(...records.map(({ ts }) => ts))
  const request = records.find(({ name }) => name === 'http.request')
  const first = records.at(-1) as JournalRecord
  return {
    traceId,
    name: title(request ?? first),
    startedAt,
    durationMs: Math.max(...records.map((record) => record.ts + durationOf(record))) - startedAt,
    failed: records.some(isFailure),
    records: records.length,
  }
}

/** The records of a trace in the order they began. */
export function traceRecords(journal: Journal, traceId: string): JournalRecord[] {
  return journal.query({ traceId, limit: 1000 }).toSorted((a, b) => a.ts - b.ts || (a.id < b.id ? -1 : 1))
}

/** A record in a few words: its operation and what it was about. */
export function title(record: JournalRecord): string {
  const at = attributes(record)
  if (record.name === 'http.request') return `${text(at['method'])} ${text(at['route'])}`
  if (record.kind === 'step') return `${text(at['job'])} · ${text(at['step'])}`
  if (record.kind === 'run') return `${text(at['job'])} (run)`
  const subject = Object.values(at).find((value) => typeof value === 'string')
  return record.kind === 'span' && subject !== undefined ? `${record.name} ${text(subject)}` : record.name
}

export function isFailure(record: JournalRecord): boolean {
  const { outcome, status } = attributes(record)
  return (
    record.kind === 'error' ||
    outcome === 'error' ||
    outcome === 'failed' ||
    (typeof status === 'number' && status >= 500)
  )
}

export function durationOf(record: JournalRecord): number {
  const { durationMs } = record.payload
  return typeof durationMs === 'number' && durationMs > 0 ? durationMs : 0
}

function attributes(record: JournalRecord): Readonly<Record<string, unknown>> {
  const value = record.payload['attributes']
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
