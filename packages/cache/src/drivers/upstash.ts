import { ConfigError, MscError, lazyPeer, peerMissing, toError, withoutScope, closedError } from '@msc/core'
import { requestFailure } from '@msc/core/http'
import type { Redis, Requester } from '@upstash/redis'
import { endpointOf } from '../endpoint.ts'
import type { CacheDriver } from '../driver.ts'
import { toRedisGlob } from '../glob.ts'
import { redisCoordination } from './redis-coordination.ts'
import { replyReaders } from './redis-replies.ts'
import { INCREMENT } from './redis-scripts/counter.ts'
import { digestOf, milliseconds, type Script } from './redis-scripts/script.ts'
import { assertUpstash } from './upstash-address.ts'
import { ADDRESS, sdkFailure, upstashRequester } from './upstash-requester.ts'

export { upstashFromEnv } from './upstash-from-env.ts'

export interface UpstashOptions {
  /** `https://….upstash.io`. */
  readonly url?: string
  readonly token?: string
  /**
   * A client of your own instead; configure it with `automaticDeserialization: false` and no retries. It hides the status
   * of an answer, so that an error of a gateway is told from one of Redis by its words alone.
   */
  readonly client?: Redis
  /** Default: the global one, as it is when a request is made. */
  readonly fetch?: typeof globalThis.fetch
}

const load = lazyPeer(async () => {
  try {
    return await import('@upstash/redis')
  } catch (cause) {
    throw peerMissing('cache', '@upstash/redis', cause)
  }
})

/**
 * Locks the script's own keys instead of the whole database; only Upstash knows the flag, and stock Redis refuses it.
 * One script object for each, so that its digest is kept.
 */
function withKeyLocking(script: Script): Script {
  let locking = lockingScripts.get(script)
  if (!locking)
    lockingScripts.set(script, (locking = { ...script, lua: `#!lua flags=allow-key-locking\n${script.lua}` }))
  return locking
}
const lockingScripts = new WeakMap<Script, Script>()

/**
 * Upstash Redis over HTTP, through `@upstash/redis` (an optional peer, loaded on the first call).
 *
 * What answers is judged by its status, as every vendor's is (`judgeAnswer` of @msc/core): an overload, a quota or a page
 * of a proxy is a failure of the store, and a refused token names UPSTASH_REDIS_REST_TOKEN, without its value.
 *
 * @throws ConfigError when neither `client` nor both of `url` and `token` are given, or for a token that no header can
 *   carry; `ADDRESS_INVALID` for a `url` that is none of http or https.
 */
export function upstash(options: UpstashOptions): CacheDriver {
  const { url, token, client: injected } = options
  if (!injected && !(url && token)) {
    throw new ConfigError(`[msc/cache] [upstash] Missing option \`${url ? 'token' : 'url'}\`.`, {
      code: 'UPSTASH_OPTION_MISSING',
      hint: 'Set UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN, or pass url and token.',
    })
  }
  if (!injected) assertUpstash(url as string, token as string)

  const read = replyReaders('upstash', ADDRESS)
  // The SDK calls the requester synchronously inside the command.
  let signalOfThisCall: AbortSignal | undefined
  let connected: Promise<Redis> | undefined
  const connect = async (): Promise<Redis> => {
    if (injected) return injected
    const { Redis } = await load().catch((error: unknown) => {
      // The peer may be installed while the process runs.
      connected = undefined
      throw error
    })
    class Client extends Redis {
      constructor(requester: Requester) {
        super(requester)
        this.opts = { automaticDeserialization: false }
      }
    }
    return new Client(
      upstashRequester({
        url: url as string,
        token: token as string,
        fetch: options.fetch ?? ((...args) => fetch(...args)),
        signal: () => signalOfThisCall ?? AbortSignal.timeout(10_000),
        now: Date.now,
      }),
    )
  }
  let closed = false
  const run = async <T>(signal: AbortSignal, command: (redis: Redis) => Promise<T>): Promise<T> => {
    if (closed) throw closedError('upstash')
    try {
      const redis = await (connected ??= withoutScope(connect))
      signal.throwIfAborted()
      signalOfThisCall = signal
      const reply = command(redis)
      signalOfThisCall = undefined
      return await reply
    } catch (error) {
      signal.throwIfAborted()
      throw translate(error, url ?? '')
    }
  }

  const runScript = async (
    original: Script,
    keys: readonly string[],
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<unknown> => {
    const script = withKeyLocking(original)
    const digest = await digestOf(script)
    try {
      return await run(signal, (redis) => redis.evalsha(digest, [...keys], [...args]))
    } catch (error) {
      if (!toError(error).message.includes('NOSCRIPT')) throw error
      return run(signal, (redis) => redis.eval(script.lua, [...keys], [...args]))
    }
  }

  const getMany = (keys: readonly string[], signal: AbortSignal): Promise<readonly (string | undefined)[]> =>
    keys.length === 0
      ? Promise.resolve([])
      : run(signal, async (redis) => read.texts(await redis.mget<unknown[]>(...keys), 'MGET', keys.length))

  return {
    specificationVersion: 1,
    name: 'upstash',
    endpoint: endpointOf(options.url ?? ''),
    variables: ['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'],
    capabilities: { shared: true },
    get: (key, signal) => run(signal, async (redis) => read.text(await redis.get<unknown>(key), 'GET')),
    getMany,
    async set(key, value, ttlMs, signal) {
      read.done(await run(signal, (redis) => redis.set(key, value, { px: milliseconds(ttlMs) })), 'SET')
    },
    async delete(keys, signal) {
      return keys.length === 0
        ? 0
        : read.integer(await run(signal, (redis) => redis.del(...keys)), 'DEL', 0, keys.length)
    },
    async setMany(entries, signal) {
      if (entries.length === 0) return
      const replies = await run(signal, (redis) => {
        const pipeline = redis.pipeline()
        for (const { key, value, ttlMs } of entries) pipeline.set(key, value, { px: milliseconds(ttlMs) })
        return pipeline.exec()
      })
      for (const reply of read.list(replies, 'SET', entries.length)) read.done(reply, 'SET')
    },
    async increment(key, by, ttlMs, signal) {
      return read.counter(await runScript(INCREMENT, [key], [String(by), String(milliseconds(ttlMs))], signal))
    },
    coordination: redisCoordination({ name: 'upstash', address: ADDRESS, runScript, getMany }),
    async scan(pattern, cursor, signal) {
      const reply = await run(signal, (redis) => redis.scan(cursor ?? '0', { match: toRedisGlob(pattern), count: 500 }))
      return read.page(reply, pattern)
    },
    async health(signal) {
      read.done(await run(signal, (redis) => redis.ping()), 'PING', 'PONG')
    },
    async close() {
      closed = true
    },
  }
}

/** @param url Of the server; empty where only a client that was handed in knows it. */
function translate(error: unknown, url: string): MscError {
  if (MscError.isInstance(error)) return error
  const thrown = toError(error)
  return /^Upstash(?:JSONParse)?Error$/.test(thrown.name)
    ? sdkFailure(thrown)
    : requestFailure(thrown, { driver: 'upstash', url, address: ADDRESS })
}
