import { DriverError } from '@msc/core'
import type { CacheCoordination, LimitVerdict, LogAppend, LogPage, LogRecord } from '../coordination.ts'
import type { PromiseOr, StoredEntry } from '../stored.ts'
import { ACQUIRE, COMMIT, RELEASE, RENEW } from './redis-scripts/leases.ts'
import { APPEND, COMMIT_SINCE, READ_SINCE } from './redis-scripts/log.ts'
import { RATE_LIMIT } from './redis-scripts/rate-limit.ts'
import { milliseconds, type Script } from './redis-scripts/script.ts'

export { digestOf, type Script } from './redis-scripts/script.ts'

/** What a client of a server that speaks Redis has to be able to do. */
export interface RedisPort {
  /** The driver's name, for errors. */
  readonly name: string
  /**
   * Runs a Lua script atomically; its answer as Redis gives it: integers as numbers, bulk strings as strings, nil as
   * `null`, tables as arrays. `script` is the same object each time, so that its digest need not be computed again.
   */
  runScript(script: Script, keys: readonly string[], args: readonly string[], signal: AbortSignal): Promise<unknown>
  /** MGET. */
  getMany(keys: readonly string[], signal: AbortSignal): PromiseOr<readonly (string | undefined)[]>
  /** Optional: SUBSCRIBE. Also calls `onMessage` when messages may have been missed. Returns what ends it. */
  subscribe?(channel: string, onMessage: () => void): () => Promise<void>
}

const STATES = ['taken', 'mine', 'failed'] as const

/**
 * `CacheCoordination` by Lua scripts, for every client of a server that speaks Redis (not Redis Cluster: scripts touch
 * several keys). Its methods throw what the port throws, and a `DriverError` for an answer that no Redis gives.
 *
 * @example
 * const coordination = redisCoordination({
 *   name: 'node-redis',
 *   runScript: (script, keys, args) => client.eval(script.lua, { keys: [...keys], arguments: [...args] }),
 *   getMany: async (keys) => (await client.mGet([...keys])).map((value) => value ?? undefined),
 * })
 */
export function redisCoordination({ name, runScript, getMany, subscribe }: RedisPort): CacheCoordination {
  /** @throws DriverError for the answer of a server that is no Redis. */
  const list = (reply: unknown, script: Script): readonly unknown[] => {
    if (Array.isArray(reply)) return reply
    throw new DriverError(name, `The script ${script.name} was answered with something else than it returns.`)
  }
  const readSince: CacheCoordination['readSince'] = async (log, position, signal) => {
    const reply = await runScript(READ_SINCE, [positionKey(log), listKey(log)], [position ?? ''], signal)
    return toPage(list(reply, READ_SINCE), position)
  }
  return {
    async acquire({ key, lease, token }, leaseMs, signal) {
      const reply = await runScript(ACQUIRE, [key, lease], [token, String(milliseconds(leaseMs))], signal)
      const answer = list(reply, ACQUIRE)
      const value = answer[1]
      return { state: STATES[Number(answer[0])] ?? 'taken', value: typeof value === 'string' ? value : undefined }
    },
    renew: async ({ lease, token }, leaseMs, signal) =>
      (await runScript(RENEW, [lease], [token, String(milliseconds(leaseMs))], signal)) === 1,
    commit: async ({ key, lease, token }, value, ttlMs, signal) =>
      (await runScript(COMMIT, [key, lease], [token, value, String(milliseconds(ttlMs))], signal)) === 1,
    release: async ({ lease, token }, failedMs, signal) =>
      (await runScript(RELEASE, [lease], [token, String(Math.round(failedMs))], signal)) === 1,

    async append(log, append, signal) {
      const { keys, args } = callOf(log, append)
      return Number(await runScript(APPEND, keys, args, signal))
    },
    readSince,
    async readAt(log, keys, signal) {
      const [position, ...values] = await getMany([positionKey(log), ...keys], signal)
      if (position !== undefined) return { position, values }
      // There is no log yet, once in the life of a namespace: it begins, and the values are read after that.
      const end = await readSince(log, undefined, signal)
      return { position: end.position, values: keys.length === 0 ? [] : await getMany(keys, signal) }
    },
    async commitSince(log, position, entries, signal) {
      const keys = [positionKey(log), listKey(log), ...entries.map(({ key }) => key)]
      const args = [position]
      pushPairs(args, entries)
      const reply = await runScript(COMMIT_SINCE, keys, args, signal)
      return list(reply, COMMIT_SINCE).map((written) => written === 1)
    },

    async consume(rules, cost, signal) {
      const keys: string[] = []
      // Empty: by the server's own clock.
      const args = ['', String(cost)]
      for (const { key, algorithm, limit, windowMs } of rules) {
        keys.push(key)
        args.push(algorithm, String(limit), String(windowMs))
      }
      const reply = list(await runScript(RATE_LIMIT, keys, args, signal), RATE_LIMIT)
      const now = Number(reply[0])
      return { now, verdicts: rules.map((_rule, index) => verdictAt(reply, index * 4 + 1, now)) }
    },
    ...(subscribe && {
      listen: (log: string, onAppend: () => void) => subscribe(positionKey(log), onAppend),
    }),
  }
}

/** The counter of a log, and the channel on which it is announced. */
function positionKey(log: string): string {
  return `${log}@seq`
}

function listKey(log: string): string {
  return `${log}@log`
}

/** What `APPEND` is called with. */
function callOf(log: string, append: LogAppend): { readonly keys: string[]; readonly args: string[] } {
  const { message, set = NONE, delete: removed = NONE, revoke = NONE, prefix } = append
  const touched = set.map(({ key }) => key)
  touched.push(...removed)
  const record = JSON.stringify(prefix === undefined ? [touched, message] : [touched, message, prefix])
  const args = [record, String(append.keepRecords), String(milliseconds(append.keepMs))]
  args.push(String(set.length), String(removed.length))
  pushPairs(args, set)
  return { keys: [positionKey(log), listKey(log), ...touched, ...revoke], args }
}

const NONE: readonly never[] = []

function pushPairs(args: string[], entries: readonly StoredEntry[]): void {
  for (const { value, ttlMs } of entries) args.push(value, String(milliseconds(ttlMs)))
}

function toPage([end, texts]: readonly unknown[], since: string | undefined): LogPage {
  const position = String(end)
  if (since === undefined) return { position, records: [] }
  if (!Array.isArray(texts)) return { position, records: 'gap' }
  const records = texts.map(toRecord).reverse()
  // What can't be read may have named any key.
  return { position, records: records.every((record) => record !== undefined) ? records : 'gap' }
}

function toRecord(text: unknown): LogRecord | undefined {
  try {
    const [keys, message] = JSON.parse(String(text)) as [unknown, unknown]
    const readable = Array.isArray(keys) && keys.every((key) => typeof key === 'string') && typeof message === 'string'
    return readable ? { keys: keys as string[], message } : undefined
  } catch {
    return undefined
  }
}

/** The script answers with times of the server's clock, all of them whole milliseconds. */
function verdictAt(reply: readonly unknown[], at: number, now: number): LimitVerdict {
  return {
    allowed: Number(reply[at]) === 1,
    remaining: Number(reply[at + 1]),
    resetMs: Number(reply[at + 2]) - now,
    waitMs: Number(reply[at + 3]) - now,
  }
}
