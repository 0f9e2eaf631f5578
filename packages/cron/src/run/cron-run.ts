export interface CronRun {
  readonly name: string
  readonly scheduledAt: number
  /** `skipped`: this occurrence has already run, or the previous run of the same job has not ended. */
  readonly outcome: 'ok' | 'error' | 'skipped'
  readonly startedAt: number
  readonly durationMs: number
  readonly reason?: 'duplicate' | 'overlap'
  /** The error's message, redacted. */
  readonly error?: string
  readonly result?: unknown
}

/** The last runs of this process, and how many there were of each outcome. */
export interface RunHistory {
  /** Newest first. */
  readonly runs: readonly CronRun[]
  readonly stats: Readonly<Record<'runs' | 'failures' | 'skipped', number>>
  add(run: CronRun): CronRun
}

export function createRunHistory(limit: number): RunHistory {
  const runs: CronRun[] = []
  const stats = { runs: 0, failures: 0, skipped: 0 }
  return {
    runs,
    stats,
    add(run) {
      runs.unshift(run)
      if (runs.length > limit) runs.pop()
      stats.runs += 1
      if (run.outcome === 'error') stats.failures += 1
      if (run.outcome === 'skipped') stats.skipped += 1
      return run
    },
  }
}
