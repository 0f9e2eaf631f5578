import type { CacheCoordination, LimitVerdict, LogAppend, LogPage, LogRecord } from '../coordination.ts'
import type { PromiseOr, StoredEntry } from '../stored.ts'
import { replyReaders, type ReplyReaders } from './redis-replies.ts'
import { ACQUIRE, COMMIT, RELEASE, RENEW } from './redis-scripts/leases.ts'
import { APPEND, COMMIT_SINCE, READ_SINCE } from './redis-scripts/log.ts'
import { RATE_LIMIT } from './redis-scripts/rate-limit.ts'
import { milliseconds, type Script } from './redis-scripts/script.ts'

export { digestOf, type Script } from './redis-scripts/script.ts'

/** What a client of a server that speaks Redis has to be able to do. */
export interface RedisPort {
  /** The driver's name, for errors. */
  readonly name: string
  /** What to check where something else than Redis answers: `Check REDIS_URL.` */
  readonly address?: string
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

/** What `ACQUIRE` answers with, by its number. */
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
export function redisCoordination({ name, address, runScript, getMany, subscribe }: RedisPort): CacheCoordination {
  const read = replyReaders(name, address)
  const readSince: CacheCoordination['readSince'] = async (log, position, signal) => {
    const reply = await runScript(READ_SINCE, [positionKey(log), listKey(log)], [position ?? ''], signal)
    return toPage(read, reply, position)
  }
  return {
    async acquire({ key, lease, token }, leaseMs, signal) {
      const reply = await runScript(ACQUIRE, [key, lease], [token, String(milliseconds(leaseMs))], signal)
      const [number, value] = read.list(reply, ACQUIRE.name, 2)
      const state = STATES[read.integer(number, ACQUIRE.name)]
      // A lease that is taken has its callers wait: no garbage may say so.
      if (state === undefined) throw read.foreign(ACQUIRE.name)
      return { state, value: read.text(value, ACQUIRE.name) }
    },
    renew: async ({ lease, token }, leaseMs, signal) =>
      read.flag(await runScript(RENEW, [lease], [token, String(milliseconds(leaseMs))], signal), RENEW.name),
    commit: async ({ key, lease, token }, value, ttlMs, signal) =>
      read.flag(
        await runScript(COMMIT, [key, lease], [token, value, String(milliseconds(ttlMs))], signal),
        COMMIT.name,
      ),
    release: async ({ lease, token }, failedMs, signal) =>
      read.flag(await runScript(RELEASE, [lease], [token, String(Math.round(failedMs))], signal), RELEASE.name),

    async append(log, append, signal) {
      const { keys, args } = callOf(log, append)
      return read.integer(await runScript(APPEND, keys, args, signal), APPEND.name, 0, append.delete?.length ?? 0)
    },
    readSince,
    async readAt(log, keys, signal) {
      const [position, ...values] = await getMany([positionKey(log), ...keys], signal)
      if (position !== undefined) return { position: toPosition(read, position), values }
      // There is no log yet, once in the life of a namespace: it begins, and the values are read after that.
      const end = await readSince(log, undefined, signal)
      return { position: end.position, values: keys.length === 0 ? [] : await getMany(keys, signal) }
    },
    async commitSince(log, position, entries, signal) {
      const keys = [positionKey(log), listKey(log), ...entries.map(({ key }) => key)]
      const args = [position]
      pushPairs(args, entries)
      const reply = await runScript(COMMIT_SINCE, keys, args, signal)
      const written = read.list(reply, COMMIT_SINCE.name, entries.length)
      return written.map((each) => read.flag(each, COMMIT_SINCE.name))
    },

    async consume(rules, cost, signal) {
      const keys: string[] = []
      // Empty: by the server's own clock.
      const args = ['', String(cost)]
      for (const { key, algorithm, limit, windowMs } of rules) {
        keys.push(key)
        args.push(algorithm, String(limit), String(windowMs))
      }
      const reply = read.list(await runScript(RATE_LIMIT, keys, args, signal), RATE_LIMIT.name, 1 + rules.length * 4)
      const now = read.number(reply[0], RATE_LIMIT.name)
      return { now, verdicts: rules.map((_rule, index) => verdictAt(read, reply, index * 4 + 1, now)) }
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

/** As it is: a position is longer than what a number keeps. */
function toPosition(read: ReplyReaders, reply: unknown): string {
  const position = String(reply)
  if (!/^\d+$/.test(position)) throw read.foreign(READ_SINCE.name)
  return position
}

function toPage(read: ReplyReaders, reply: unknown, since: string | undefined): LogPage {
  const [end, ...found] = read.list(reply, READ_SINCE.name)
  const position = toPosition(read, end)
  if (since === undefined) return { position, records: [] }
  if (found.length === 0) return { position, records: 'gap' }
  const texts = read.list(found[0], READ_SINCE.name).map((text) => read.text(text, READ_SINCE.name))
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
function verdictAt(read: ReplyReaders, reply: readonly unknown[], at: number, now: number): LimitVerdict {
  const time = (index: number): number => read.number(reply[index], RATE_LIMIT.name) - now
  return {
    allowed: read.flag(reply[at], RATE_LIMIT.name),
    remaining: read.integer(reply[at + 1], RATE_LIMIT.name, 0),
    resetMs: time(at + 2),
    waitMs: time(at + 3),
  }
}
