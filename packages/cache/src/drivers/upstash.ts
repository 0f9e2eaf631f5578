import {
  ConfigError,
  DriverError,
  MscError,
  assertWebAddress,
  lazyPeer,
  processEnv,
  readEnvGroup,
  toError,
  withoutScope,
  type Env,
} from '@msc/core'
import type { Redis } from '@upstash/redis'
import { endpointOf } from '../endpoint.ts'
import type { CacheDriver } from '../driver.ts'
import { toRedisGlob } from '../glob.ts'
import { redisCoordination } from './redis-coordination.ts'
import { INCREMENT } from './redis-scripts/counter.ts'
import { digestOf, milliseconds, type Script } from './redis-scripts/script.ts'

export interface UpstashOptions {
  /** `https://….upstash.io`. */
  readonly url?: string
  readonly token?: string
  /** A client of your own instead; configure it with `automaticDeserialization: false` and no retries. */
  readonly client?: Redis
}

const load = lazyPeer('cache', '@upstash/redis', () => import('@upstash/redis'))

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
 * @throws ConfigError when neither `client` nor both of `url` and `token` are given; `ADDRESS_INVALID` for a `url` that is
 *   none of http or https.
 */
export function upstash(options: UpstashOptions): CacheDriver {
  const { url, token, client: injected } = options
  if (!injected && !(url && token)) {
    throw new ConfigError(`[msc/cache] [upstash] Missing option \`${url ? 'token' : 'url'}\`.`, {
      hint: 'Set UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN, or pass url and token.',
    })
  }
  if (url) assertWebAddress(url, '[msc/cache] [upstash]', 'UPSTASH_REDIS_REST_URL')

  // The SDK asks for a request's signal through a function it calls synchronously inside the command.
  let signalOfThisCall: AbortSignal | undefined
  let connected: Promise<Redis> | undefined
  const connect = async (): Promise<Redis> => {
    if (injected) return injected
    const { Redis } = await load()
    return new Redis({
      url: url as string,
      token: token as string,
      automaticDeserialization: false,
      // Its pipelines reorder a set and a get of one tick.
      enableAutoPipelining: false,
      enableTelemetry: false,
      // `retry: false` still means one more attempt; the engine owns retries.
      retry: { retries: 0 },
      signal: () => signalOfThisCall ?? AbortSignal.timeout(10_000),
    })
  }
  let closed = false
  const run = async <T>(signal: AbortSignal, command: (redis: Redis) => Promise<T>): Promise<T> => {
    if (closed) throw new DriverError('upstash', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    const redis = await (connected ??= withoutScope(connect))
    signal.throwIfAborted()
    try {
      signalOfThisCall = signal
      const reply = command(redis)
      signalOfThisCall = undefined
      return await reply
    } catch (error) {
      signal.throwIfAborted()
      throw translate(error)
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
    run(signal, async (redis) => (await redis.mget<(string | null)[]>(...keys)).map((value) => value ?? undefined))

  return {
    specificationVersion: 1,
    name: 'upstash',
    endpoint: endpointOf(options.url ?? ''),
    variables: ['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'],
    capabilities: { shared: true },
    get: (key, signal) => run(signal, async (redis) => (await redis.get<string>(key)) ?? undefined),
    getMany,
    async set(key, value, ttlMs, signal) {
      await run(signal, (redis) => redis.set(key, value, { px: milliseconds(ttlMs) }))
    },
    delete: (keys, signal) => (keys.length === 0 ? 0 : run(signal, (redis) => redis.del(...keys))),
    async setMany(entries, signal) {
      if (entries.length === 0) return
      await run(signal, (redis) => {
        const pipeline = redis.pipeline()
        for (const { key, value, ttlMs } of entries) pipeline.set(key, value, { px: milliseconds(ttlMs) })
        return pipeline.exec()
      })
    },
    async increment(key, by, ttlMs, signal) {
      const reply = (await runScript(INCREMENT, [key], [String(by), String(milliseconds(ttlMs))], signal)) as unknown[]
      const [value, ttl] = reply.map(Number)
      if (!Number.isFinite(value) || !Number.isFinite(ttl))
        throw new DriverError('upstash', 'INCRBY answered no number.')
      return { value: value as number, ttlMs: ttl as number }
    },
    coordination: redisCoordination({ name: 'upstash', runScript, getMany }),
    async scan(pattern, cursor, signal) {
      const [next, keys] = await run(signal, (redis) =>
        redis.scan(cursor ?? '0', { match: toRedisGlob(pattern), count: 500 }),
      )
      return String(next) === '0' ? { keys } : { keys, cursor: String(next) }
    },
    async health(signal) {
      const reply = await run(signal, (redis) => redis.ping())
      if (reply !== 'PONG') throw new DriverError('upstash', 'PING was not answered with PONG.')
    },
    async close() {
      closed = true
    },
  }
}

/** The driver that UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN describe, or `undefined` when neither is set. */
export function upstashFromEnv(env: Env = processEnv()): CacheDriver | undefined {
  const found = readEnvGroup(env, 'cache', ['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'])
  return found && upstash({ url: found.UPSTASH_REDIS_REST_URL, token: found.UPSTASH_REDIS_REST_TOKEN })
}

function translate(error: unknown): MscError {
  if (MscError.isInstance(error)) return error
  const { name, message } = toError(error)
  if (name === 'UpstashError') {
    // Its message ends in the whole command, values and all; those must not travel in an error.
    const reason = message.split(', command was:')[0] ?? ''
    const auth = /WRONGPASS|NOPERM|unauthorized/i.test(reason)
    return new DriverError('upstash', `The server refused the command: ${reason}`, {
      code: auth ? 'DRIVER_UNAUTHORIZED' : 'DRIVER_REFUSED',
      ...(auth && { hint: 'Check UPSTASH_REDIS_REST_TOKEN.' }),
    })
  }
  if (name === 'UpstashJSONParseError') {
    return new DriverError('upstash', 'The server answered something that is not JSON.', {
      code: 'DRIVER_NOT_THE_BACKEND',
      retryable: true,
      hint: 'Check UPSTASH_REDIS_REST_URL; a proxy or a sign-in page of the network may be in between.',
    })
  }
  return new DriverError('upstash', 'The request failed.', {
    retryable: true,
    code: 'DRIVER_UNREACHABLE',
    hint: 'Check UPSTASH_REDIS_REST_URL, and that it can be reached from this machine.',
    cause: error,
  })
}
