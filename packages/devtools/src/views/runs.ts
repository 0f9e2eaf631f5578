import type { Journal, JournalRecord } from '@msc/core'
import { attributesOf, durationOf } from './describe.ts'
import { addressOf, least, most, read, textOf } from './read.ts'

/** One run of a job, assembled from its telemetry. */
export interface Run {
  /** Safe to use in a URL. */
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

/** Returns all runs of this process, the last begun first. Nobody else can tell of them. */
export function runs(journal: Journal): Run[] {
  const found = new Map<string, { latest: JournalRecord | undefined; steps: JournalRecord[] }>()
  for (const record of read(journal, { kinds: ['run', 'step'], received: false })) {
    // A run of @msc/cron has no id and only this one record.
    const id = textOf(attributesOf(record)['runId']) || (record.kind === 'run' ? record.id : '')
    if (id === '') continue
    const runId = addressOf(id)
    const run = found.get(runId) ?? { latest: undefined, steps: [] }
    found.set(runId, run)
    if (record.kind === 'step') run.steps.push(record)
    else run.latest ??= record
  }
  return [...found]
    .map(([runId, { latest, steps }]) => runOf(runId, latest, steps.toReversed()))
    .toSorted((a, b) => b.startedAt - a.startedAt)
}

function runOf(runId: string, latest: JournalRecord | undefined, records: readonly JournalRecord[]): Run {
  const all = latest ? [latest, ...records] : records
  const startedAt = least(all.map(({ ts }) => ts))
  return {
    runId,
    job: textOf(attributesOf(all[0] as JournalRecord)['job']) || '(no name)',
    outcome: latest ? textOf(attributesOf(latest)['outcome']) : 'running',
    traceId: all.find(({ traceId }) => traceId !== undefined)?.traceId,
    startedAt,
    durationMs: most(all.map((record) => record.ts + durationOf(record))) - startedAt,
    steps: records.map((record) => ({
      name: textOf(attributesOf(record)['step']),
      attempt: attemptOf(attributesOf(record)['attempt']),
      outcome: textOf(attributesOf(record)['outcome']),
      startedAt: record.ts,
      durationMs: durationOf(record),
    })),
  }
}

function attemptOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 1
}
