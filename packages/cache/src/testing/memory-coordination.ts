import type { Clock } from '@msc/core'
import type { CacheCoordination, LeaseClaim, LimitRule, LimitVerdict, LogAppend, LogRecord } from '../coordination.ts'
import type { MemoryEntries } from '../drivers/memory-entries.ts'
import { judgeCall, type RuleState } from '../rate-limit-rules.ts'

interface KeptRecord extends LogRecord {
  readonly prefix: string | undefined
}

/** The newest records, and how many there have been; the position is that number, and never goes back. */
interface Log {
  end: number
  records: readonly KeptRecord[]
  /** On the monotonic clock. */
  expiresAt: number
  readonly listeners: Set<() => void>
}

/** What all connections share. */
export interface MemoryState {
  readonly entries: MemoryEntries
  readonly logs: Map<string, Log>
  /** Its `now()` is the wall clock by which rate limits are counted. */
  readonly clock: Clock
}

const FAILED = 'failed'

/**
 * `CacheCoordination` in plain TypeScript, over entries in this process: an example for whoever writes one. No method
 * waits for anything, so each is atomic by itself; a database would make it one transaction.
 *
 * @param ready Throws where a connection is closed or the signal has aborted.
 */
export function memoryCoordination(store: MemoryState, ready: (signal: AbortSignal) => void): CacheCoordination {
  const { entries } = store
  return {
    async acquire(claim, leaseMs, signal) {
      ready(signal)
      const value = entries.get(claim.key)
      const holder = entries.get(claim.lease)
      if (holder !== undefined) return { state: holder === FAILED ? 'failed' : 'taken', value }
      entries.set(claim.lease, claim.token, leaseMs)
      return { state: 'mine', value }
    },
    async renew(claim, leaseMs, signal) {
      ready(signal)
      if (!holds(store, claim)) return false
      entries.set(claim.lease, claim.token, leaseMs)
      return true
    },
    async commit(claim, value, ttlMs, signal) {
      ready(signal)
      if (!holds(store, claim)) return false
      entries.set(claim.key, value, ttlMs)
      return entries.delete(claim.lease)
    },
    async release(claim, failedMs, signal) {
      ready(signal)
      if (!holds(store, claim)) return false
      if (failedMs > 0) entries.set(claim.lease, FAILED, failedMs)
      else entries.delete(claim.lease)
      return true
    },
    async append(name, append, signal) {
      ready(signal)
      return appendTo(store, name, append)
    },
    async readSince(name, position, signal) {
      ready(signal)
      const log = logOf(store, name)
      const records = position === undefined ? [] : since(log, position)
      return {
        position: String(log.end),
        records: records?.map(({ message, keys }) => ({ message, keys })) ?? 'gap',
      }
    },
    async readAt(name, keys, signal) {
      ready(signal)
      return { position: String(logOf(store, name).end), values: keys.map(entries.get) }
    },
    async commitSince(name, position, batch, signal) {
      ready(signal)
      const records = since(logOf(store, name), position)
      return batch.map(({ key, value, ttlMs }) => {
        if (!records || records.some((record) => touches(record, key))) return false
        entries.set(key, value, ttlMs)
        return true
      })
    },
    async consume(rules, cost, signal) {
      ready(signal)
      return consumeFrom(store, rules, cost)
    },
    listen(name, onAppend) {
      const { listeners } = logOf(store, name)
      // One object for each call: the same function may listen twice.
      const listener = (): void => onAppend()
      listeners.add(listener)
      return async () => void listeners.delete(listener)
    },
  }
}

function holds({ entries }: MemoryState, { lease, token }: LeaseClaim): boolean {
  return entries.get(lease) === token
}

function logOf({ logs, clock }: MemoryState, name: string): Log {
  let log = logs.get(name)
  if (!log) logs.set(name, (log = { end: 0, records: [], expiresAt: Infinity, listeners: new Set() }))
  if (log.expiresAt <= clock.monotonic()) log.records = []
  return log
}

/** The oldest first; `undefined` where some are gone, or where there never was such a position. */
function since({ end, records }: Log, position: string): readonly KeptRecord[] | undefined {
  const missed = end - Number(position)
  if (!(missed >= 0 && missed <= records.length)) return undefined
  return records.slice(records.length - missed)
}

function touches({ keys, prefix }: KeptRecord, key: string): boolean {
  return keys.includes(key) || (prefix !== undefined && key.startsWith(prefix))
}

function appendTo(store: MemoryState, name: string, append: LogAppend): number {
  const { entries, clock } = store
  const { message, set = [], delete: removed = [], revoke = [], prefix, keepRecords, keepMs } = append
  for (const { key, value, ttlMs } of set) entries.set(key, value, ttlMs)
  const deleted = removed.filter(entries.delete).length
  for (const lease of revoke) entries.delete(lease)
  const log = logOf(store, name)
  log.end += 1
  const record = { message, keys: [...set.map(({ key }) => key), ...removed], prefix }
  log.records = [...log.records, record].slice(-keepRecords)
  log.expiresAt = clock.monotonic() + keepMs
  for (const listener of log.listeners) listener()
  return deleted
}

function consumeFrom(
  { entries, clock }: MemoryState,
  rules: readonly LimitRule[],
  cost: number,
): { now: number; verdicts: LimitVerdict[] } {
  const now = clock.now()
  const judged = rules.map(({ key, algorithm, limit, windowMs }) => {
    const text = entries.get(key)
    const state = text === undefined ? undefined : (JSON.parse(text) as RuleState)
    return { key, verdict: judgeCall({ algorithm, limit, windowSeconds: windowMs / 1000 }, state, cost, now) }
  })
  if (judged.every(({ verdict }) => verdict.allowed)) {
    for (const { key, verdict } of judged) entries.set(key, JSON.stringify(verdict.next), verdict.resetAt - now)
  }
  return {
    now,
    verdicts: judged.map(({ verdict: { allowed, remaining, resetAt, allowedAt } }) => ({
      allowed,
      remaining,
      resetMs: resetAt - now,
      waitMs: allowedAt - now,
    })),
  }
}
