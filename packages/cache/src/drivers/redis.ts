import {
  DriverError,
  MscError,
  every,
  lazyPeer,
  peerMissing,
  readField,
  systemClock,
  toError,
  withoutScope,
  closedError,
} from '@msc/core'
import type { Redis } from 'ioredis'
import type { CacheDriver, PromiseOr } from '../driver.ts'
import { endpointOf } from '../endpoint.ts'
import { toRedisGlob } from '../glob.ts'
import { assertRedisAddress } from './redis-address.ts'
import { redisCoordination } from './redis-coordination.ts'
import { isReadOnly, refusal as toRefusal, replyReaders } from './redis-replies.ts'
import { INCREMENT } from './redis-scripts/counter.ts'
import { digestOf, milliseconds, type Script } from './redis-scripts/script.ts'

export { redisFromEnv } from './redis-from-env.ts'

export interface RedisOptions {
  /** `redis://[[user]:password@]host:port[/db]`, `rediss://` for TLS. */
  readonly url?: string
  /**
   * A connected `ioredis` client of your own instead; configure it with `enableOfflineQueue: false` and
   * `maxRetriesPerRequest: 0`, or it hides an outage from the engine, with a `socketTimeout`, or it keeps a connection
   * on which nothing is answered any more for as long as the system does, and with a `reconnectOnError` for READONLY, or it
   * stays with a primary that has become a replica. `close()` leaves it open.
   */
  readonly client?: Redis
}

/**
 * Milliseconds without a byte from a server that owes an answer, after which the connection is made anew. A network that
 * swallows everything still acknowledges it, so no keep-alive would tell.
 */
const SILENCE_MS = 5000
/** Milliseconds between two connections that are given up because their server only reads. */
const LEAVE_EVERY_MS = 1000
const ADDRESS = 'Check the host and port in REDIS_URL.'
const read = replyReaders('redis', ADDRESS)
const load = lazyPeer(async () => {
  try {
    return await import('ioredis')
  } catch (cause) {
    throw peerMissing('cache', 'ioredis', cause)
  }
})

/**
 * Redis, Valkey or KeyDB through `ioredis` (an optional peer, loaded on the first call). The connection is made anew by
 * itself after an outage, and when the server owes an answer and says nothing for five seconds; a command meanwhile fails
 * at once, for the engine to decide.
 *
 * @throws ConfigError `REDIS_URL_INVALID` without `client` or a `url` that is one.
 */
export function redis(options: RedisOptions): CacheDriver {
  const { url, client: injected } = options
  if (!injected) assertRedisAddress(url)
  let connected: Promise<Redis> | undefined
  let current: Redis | undefined
  const listeners = new Set<Redis>()
  let closed = false
  /** Why the server, which can be reached, does not let us in. */
  let refusal: MscError | undefined
  /**
   * A primary that a failover has made a replica keeps its connections, while the address may lead to the new one. Not for
   * each write that is refused: what reads on the connection fails with it.
   */
  let leftAt = -Infinity
  const mayLeave = (): boolean => {
    const now = systemClock.monotonic()
    if (now - leftAt < LEAVE_EVERY_MS) return false
    leftAt = now
    return true
  }
  /** A key that the server, which only reads, did not let us write; until it lets us write again. */
  let unwritten: string | undefined

  const open = async (extra: { readonly enableOfflineQueue?: boolean } = {}): Promise<Redis> => {
    const { Redis: Client } = await load().catch((error: unknown) => {
      // The peer may be installed while the process runs.
      connected = undefined
      throw error
    })
    const client = new Client(url as string, {
      lazyConnect: true,
      // Both would keep a command while the server is away and send it behind the engine's back.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: 2000,
      // Counts only while an answer is awaited: an idle connection is not silent.
      socketTimeout: SILENCE_MS,
      retryStrategy: (attempt: number) => Math.min(50 * attempt, 1000),
      reconnectOnError: (error: Error) => isReadOnly(error.message) && mayLeave(),
      ...extra,
    })
    // Each failed attempt is an event; the commands that fail for it say why to the engine.
    client.on('error', (error: unknown) => (refusal = refusalOf(error)))
    client.on('ready', () => (refusal = undefined))
    return client
  }
  /** Resolves when the connection has answered; while it is being made anew, when that is done. */
  const connect = async (client: Redis): Promise<void> => {
    if (client.status === 'wait') await client.connect().catch((error: unknown) => (refusal ??= refusalOf(error)))
    if (client.status === 'ready') return
    await new Promise<void>((resolve, reject) => {
      const settle = (done: () => void) => (): void => {
        client.off('ready', onReady)
        client.off('close', onClose)
        client.off('end', onClose)
        done()
      }
      const onReady = settle(resolve)
      const onClose = settle(() => reject(refusal ?? unreachable()))
      client.once('ready', onReady)
      client.once('close', onClose)
      client.once('end', onClose)
    })
  }
  // One wait for all: a stampede on a connection that is being made would otherwise be a stampede of listeners.
  let connecting: Promise<void> | undefined
  const ready = (client: Redis): Promise<void> =>
    // A connection outlives the request that needed it first.
    (connecting ??= withoutScope(() => connect(client)).finally(() => {
      connecting = undefined
    }))

  const run = async <T>(signal: AbortSignal, command: (client: Redis) => Promise<T>): Promise<T> => {
    if (closed) throw closedError('redis')
    try {
      const client = injected ?? (current = await (connected ??= withoutScope(open)))
      // Only where it must wait: a hit costs one round trip and nothing else.
      if (client.status !== 'ready') await ready(client)
      signal.throwIfAborted()
      return await command(client)
    } catch (error) {
      signal.throwIfAborted()
      throw translate(error)
    }
  }

  const write = async <T>(
    key: string | undefined,
    signal: AbortSignal,
    command: (client: Redis) => Promise<T>,
  ): Promise<T> => {
    try {
      const reply = await run(signal, command)
      unwritten = undefined
      return reply
    } catch (error) {
      if (readField(error, 'code') === 'DRIVER_READ_ONLY') unwritten = key
      throw error
    }
  }

  const runScript = (script: Script, keys: readonly string[], args: readonly string[], signal: AbortSignal) =>
    write(keys[0], signal, async (client) => {
      const digest = await digestOf(script)
      try {
        return await client.evalsha(digest, keys.length, ...keys, ...args)
      } catch (error) {
        // The server has forgotten its scripts: a restart, a failover, SCRIPT FLUSH.
        if (!toError(error).message.startsWith('NOSCRIPT')) throw error
        return client.eval(script.lua, keys.length, ...keys, ...args)
      }
    })

  const getMany = (keys: readonly string[], signal: AbortSignal): PromiseOr<readonly (string | undefined)[]> =>
    keys.length === 0 ? [] : run(signal, async (client) => read.texts(await client.mget(...keys), 'MGET', keys.length))

  const subscribe = (channel: string, onMessage: () => void): (() => Promise<void>) => {
    let stopped = false
    const hear = (): void => {
      if (!stopped) onMessage()
    }
    const openListener = async (): Promise<Redis> => {
      // A connection of its own: one that subscribes can do nothing else. It may wait for the server; nobody waits
      // for it.
      const waiting = { enableOfflineQueue: true, socketTimeout: SILENCE_MS }
      const client = injected ? injected.duplicate(waiting) : await open(waiting)
      listeners.add(client)
      client.on('error', () => undefined)
      client.once(
        'end',
        every(SILENCE_MS, () => ask(client), { onError: () => undefined }),
      )
      client.on('message', hear)
      // Subscriptions come back with the connection; what was missed meanwhile is in the log.
      client.on('ready', hear)
      await client.subscribe(channel).catch(() => undefined)
      return client
    }
    // Whoever listens awaits nothing, so silence tells only where something is asked.
    const ask = async (client: Redis): Promise<void> => {
      if (client.status === 'ready') await client.ping()
    }
    const opening = withoutScope(openListener)
    // The peer may be missing; then there are no hints, and the first command says what to install.
    opening.catch(() => undefined)
    return async () => {
      stopped = true
      const client = await opening.catch(() => undefined)
      if (client && listeners.delete(client)) client.disconnect()
    }
  }

  return {
    specificationVersion: 1,
    name: 'redis',
    endpoint: endpointOf(url ?? ''),
    variables: ['REDIS_URL'],
    capabilities: { shared: true, cancels: false },
    get(key, signal) {
      // The hot path, without a turn of the event loop more than the round trip takes.
      const client = injected ?? current
      if (client?.status !== 'ready' || closed || signal.aborted)
        return run(signal, async (it) => toText(await it.get(key)))
      return client.get(key).then(toText, (error: unknown) => {
        signal.throwIfAborted()
        throw translate(error)
      })
    },
    getMany,
    async set(key, value, ttlMs, signal) {
      read.done(await write(key, signal, (client) => client.set(key, value, 'PX', milliseconds(ttlMs))), 'SET')
    },
    async setMany(entries, signal) {
      if (entries.length === 0) return
      const replies = await write(entries[0]?.key, signal, async (client) => {
        const pipeline = client.pipeline()
        for (const { key, value, ttlMs } of entries) pipeline.set(key, value, 'PX', milliseconds(ttlMs))
        const answers = (await pipeline.exec()) ?? []
        const failed = answers.find(([error]) => error)?.[0]
        if (failed) throw failed
        return answers
      })
      for (const [, reply] of replies) read.done(reply, 'SET')
    },
    async delete(keys, signal) {
      return keys.length === 0
        ? 0
        : read.integer(await write(keys[0], signal, (client) => client.del(...keys)), 'DEL', 0, keys.length)
    },
    async increment(key, by, ttlMs, signal) {
      return read.counter(await runScript(INCREMENT, [key], [String(by), String(milliseconds(ttlMs))], signal))
    },
    async scan(pattern, cursor, signal) {
      const reply = await run(signal, (client) =>
        client.scan(cursor ?? '0', 'MATCH', toRedisGlob(pattern), 'COUNT', 500),
      )
      return read.page(reply, pattern)
    },
    coordination: redisCoordination({ name: 'redis', address: ADDRESS, runScript, getMany, subscribe }),
    async health(signal) {
      read.done(await run(signal, (client) => client.ping()), 'PING', 'PONG')
      // Writes nothing, and is refused where nothing can be written.
      const key = unwritten
      if (key === undefined) return
      try {
        await write(key, signal, (client) => client.setrange(key, 0, ''))
      } catch (error) {
        // A user that may not do just this is no reason.
        if (readField(error, 'code') !== 'DRIVER_UNAUTHORIZED') throw error
        unwritten = undefined
      }
    },
    async close() {
      if (closed) return
      closed = true
      for (const client of listeners) client.disconnect()
      const client = await connected?.catch(() => undefined)
      client?.disconnect()
    },
  }
}

function toText(reply: unknown): string | undefined {
  return read.text(reply, 'GET')
}

function unreachable(): DriverError {
  return new DriverError('redis', 'The server can not be reached.', {
    retryable: true,
    code: 'DRIVER_UNREACHABLE',
    hint: 'Check REDIS_URL, and that the server runs and can be reached from this machine.',
  })
}

/** What a server said that does not take us; `undefined` for one that did not answer. */
function refusalOf(error: unknown): MscError | undefined {
  const { name, message } = toError(error)
  if (name === 'ReplyError') return translate(error)
  // What the parser can't read was written by something else: a web server, a proxy.
  return name === 'ParserError' || /^(?:Protocol error|Unknown RESP type)/.test(message) ? notRedis() : undefined
}

function notRedis(): DriverError {
  return new DriverError('redis', 'What answers does not speak the protocol of Redis.', {
    retryable: true,
    code: 'DRIVER_NOT_THE_BACKEND',
    hint: `${ADDRESS} Something else than Redis listens there, or it wants TLS (rediss://).`,
  })
}

function translate(error: unknown): MscError {
  if (MscError.isInstance(error)) return error
  const { name, message } = toError(error)
  if (name === 'ReplyError') return toRefusal('redis', message, 'Check the user and password in REDIS_URL.')
  // The SDK's errors may name the address, and with it the password.
  return unreachable()
}
