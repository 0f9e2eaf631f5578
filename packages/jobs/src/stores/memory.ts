import { randomHex } from '@msc/core'
import type { RunStatus } from '../driver.ts'
import type { JobStore, RunRecord, StepRecord } from '../store.ts'

interface Row {
  run: RunRecord
  readonly steps: Map<string, StepRecord>
  wakeAt: number
  lease: { token: string; owner: string; until: number } | undefined
}

/** Runs in this process alone, gone when it ends: for tests, and for work that may be lost. */
export function memoryStore(): JobStore {
  const rows = new Map<string, Row>()
  const owned = (id: string, token: string): Row | undefined => {
    const row = rows.get(id)
    return row?.lease?.token === token ? row : undefined
  }
  const change = (id: string, token: string, apply: (row: Row) => void): Promise<boolean> => {
    const row = owned(id, token)
    if (row) apply(row)
    return Promise.resolve(row !== undefined)
  }
  const open = (row: Row): boolean =>
    row.run.status === 'queued' || row.run.status === 'waiting' || row.run.status === 'running'
  // Everything stored has been through JSON, as in every other store.
  const copy = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T))

  return {
    name: 'memory',
    async enqueue(runs) {
      for (const run of runs) {
        if (rows.has(run.id)) continue
        rows.set(run.id, {
          run: copy({ ...run, status: 'queued', attempt: 0 }),
          steps: new Map(),
          wakeAt: run.createdAt,
          lease: undefined,
        })
      }
    },
    async claim(owner, now, leaseMs, limit) {
      const due = [...rows.values()].filter(
        (row) => open(row) && (row.lease ? row.lease.until <= now : row.wakeAt <= now),
      )
      return due
        .sort((a, b) => a.wakeAt - b.wakeAt || a.run.createdAt - b.run.createdAt)
        .slice(0, limit)
        .map((row) => {
          row.lease = { token: randomHex(8), owner, until: now + leaseMs }
          row.run = { ...row.run, status: 'running' }
          return { run: row.run, steps: [...row.steps.values()].map(copy), token: row.lease.token }
        })
    },
    async releaseDead(isAlive) {
      const dead = [...rows.values()].filter((row) => row.lease && !isAlive(row.lease.owner))
      for (const row of dead) row.lease = undefined
      return dead.length
    },
    renew: (id, token, leaseUntil) =>
      change(id, token, (row) => {
        if (row.lease) row.lease.until = leaseUntil
      }),
    saveStep: (id, token, step) => change(id, token, (row) => row.steps.set(step.key, copy(step))),
    park: (id, token, { wakeAt, attempt }) =>
      change(id, token, (row) => {
        row.run = { ...row.run, status: 'waiting', attempt }
        row.wakeAt = wakeAt
        row.lease = undefined
      }),
    markFailing: (id, token, failure) => change(id, token, (row) => (row.run = { ...row.run, failure })),
    end: (id, token, end, now) =>
      change(id, token, (row) => {
        row.run = { ...row.run, ...copy(end), endedAt: now }
        row.lease = undefined
      }),
    async nextDue() {
      let next: number | undefined
      for (const row of rows.values()) {
        if (!open(row)) continue
        const at = row.lease ? row.lease.until : row.wakeAt
        if (next === undefined || at < next) next = at
      }
      return next
    },
    async cancel(id, now) {
      const row = rows.get(id)
      if (!row || !open(row)) return false
      row.run = { ...row.run, status: 'cancelled', endedAt: now }
      row.lease = undefined
      return true
    },
    async get(id) {
      const row = rows.get(id)
      return row && { run: row.run, steps: [...row.steps.values()] }
    },
    async list({ status, job, limit = 50 }) {
      return [...rows.values()]
        .map((row) => row.run)
        .filter((run) => (!status || run.status === status) && (!job || run.job === job))
        .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
        .slice(0, limit)
    },
    async counts() {
      const counts: Record<RunStatus, number> = {
        queued: 0,
        running: 0,
        waiting: 0,
        completed: 0,
        failed: 0,
        cancelled: 0,
      }
      for (const row of rows.values()) counts[row.run.status] += 1
      return counts
    },
    async close() {},
  }
}
