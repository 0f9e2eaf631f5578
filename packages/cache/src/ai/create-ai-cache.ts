import { ConfigError, assertNumbers, runReported, toError, withScope, type Duration } from '@msc/core'
import type { Cache } from '../cache.ts'
import { thaw } from '../isolate.ts'
import { materialise, materialiseCopy } from '../materialise.ts'
import type { Loader, LoadContext } from '../plan.ts'
import { createReplay, type Replay, type Source } from './replay.ts'
import { aiKey, aiTags, modelTag, tenantTag, type AIRequest } from './request.ts'
import { createSavings, usageOf, usageOfChunks, type AIStats, type ModelPrice, type TokenUsage } from './usage.ts'

export interface AICacheOptions {
  readonly cache: Cache
  /** By model: what a million tokens cost. */
  readonly prices?: Readonly<Record<string, ModelPrice>>
  /** Default 1 day. */
  readonly ttl?: Duration
  /** Bytes of a stream that are recorded; a longer one is passed on, and not kept. Default 4 MiB. */
  readonly maxBytes?: number
  /** Gives each caller a copy that it may change; otherwise plain data is frozen. Default false. */
  readonly copies?: boolean
}

export interface AIOptions<T> {
  readonly ttl?: Duration
  readonly tags?: readonly string[]
  readonly signal?: AbortSignal
  /** Given what goes on after the answer. What it throws is reported, and changes no answer. */
  readonly waitUntil?: (work: Promise<unknown>) => void
  /** Reads the usage from an answer that `usageOf` does not know. What it throws is reported, and changes no answer. */
  readonly usage?: (answer: T) => TokenUsage | undefined
}

export interface AICache {
  /**
   * The answer to an equal request, or what `ask` brings. Callers of an equal request at the same time share one call,
   * among all processes where the store can. A failure is thrown, and not kept.
   *
   * @throws ValidationError for a request without a model, or without anything asked.
   */
  cacheAI<T>(request: AIRequest, ask: Loader<T>, options?: AIOptions<T>): Promise<T>
  /**
   * The same for a stream: a caller who comes while it runs gets it from the start, one who comes later a replay. What
   * fails, or is left by all its readers, is not kept; its `signal` tells `open` then. The fastest reader sets the pace.
   */
  streamAI<C>(
    request: AIRequest,
    open: (context: LoadContext) => Source<C> | Promise<Source<C>>,
    options?: AIOptions<readonly C[]>,
  ): ReadableStream<C>
  /** Drops all answers to a tenant's requests. */
  invalidateTenant(tenant: string): Promise<void>
  /** Drops all answers of a model. */
  invalidateModel(model: string): Promise<void>
  stats(): AIStats
}

/** What the caller's own function reads of an answer. Where it throws the answer is still given, its usage unknown. */
function read<T>(usage: (answer: T) => TokenUsage | undefined, answer: T): TokenUsage | undefined {
  let found: TokenUsage | undefined
  // Returned too: what is asynchronous although its type forbids it must not end the process.
  runReported(() => (found = usage(answer)), { concern: 'cache', operation: 'usage' })
  return typeof (found as { then?: unknown } | undefined)?.then === 'function' ? undefined : found
}

interface Running {
  readonly replay: Replay<unknown>
  readonly tags: readonly string[]
  /** Callers who share it. */
  joined: number
}

/**
 * @throws ConfigError `CACHE_AI_NO_CACHE` where there is none: each request would fail at its first use; `OPTION_INVALID`
 *   for a `maxBytes` that is no number.
 */
export function createAICache(options: AICacheOptions): AICache {
  if (typeof (options as Partial<AICacheOptions> | undefined)?.cache?.cache !== 'function') {
    throw new ConfigError('[msc/cache] [ai] There is no cache.', {
      code: 'CACHE_AI_NO_CACHE',
      hint: 'Pass `cache`: what createCache() returned, or getDefaultCache().',
    })
  }
  assertNumbers('cache', options, { maxBytes: 0 })
  const { cache, prices = {}, ttl = '1d', maxBytes = 4 * 1024 * 1024, copies = false } = options
  const savings = createSavings(prices)
  const deliver = copies ? materialiseCopy : materialise
  const streams = new Map<string, Running>()

  const planOf = (request: AIRequest, { ttl: own = ttl, tags = [], signal, waitUntil }: AIOptions<never>) => ({
    ttl: own,
    tags: [...aiTags(request), ...tags],
    ...(signal && { signal }),
    ...(waitUntil && { waitUntil }),
  })

  /** Starts the stream, or finds it recorded. */
  const begin = <C>(
    key: string,
    request: AIRequest,
    open: (context: LoadContext) => Source<C> | Promise<Source<C>>,
    { usage, ...rest }: AIOptions<readonly C[]>,
  ): Replay<C> => {
    const { signal: _signal, ...plan } = planOf(request, rest)
    const over = (): void => {
      if (streams.get(key) === running) streams.delete(key)
    }
    const replay = createReplay<C>({ maxBytes, deliver, onAbandoned: over })
    const running: Running = { replay: replay as Replay<unknown>, tags: plan.tags, joined: 0 }
    streams.set(key, running)
    const state = { asked: false }
    const follow = (): Promise<unknown[] | undefined> => {
      state.asked = true
      return replay.follow(async (signal) => open({ signal }))
    }
    const run = async (): Promise<void> => {
      // Nothing, though nobody here was asked: the stream of another, which was left by all its readers.
      let recorded: readonly unknown[] | undefined
      do {
        // Not waiting for another process: its stream can't be shared while it runs.
        recorded = await cache.cache<unknown[] | undefined>(key, follow, { ...plan, lock: false })
      } while (!state.asked && recorded === undefined)
      if (!state.asked) replay.play(recorded ?? [])
      const told = recorded && read(usage ?? usageOfChunks, recorded as C[])
      for (let i = running.joined + (state.asked ? 0 : 1); i > 0; i--) savings.save(request.model, told)
    }
    // Its readers have every chunk already where only the recording failed.
    // It may outlive the caller who began it, for readers who joined: what it learns stays out of that caller's scope.
    const work = withScope(run)
      .catch((error: unknown) => replay.fail(error))
      .finally(over)
    runReported(() => plan.waitUntil?.(work), { concern: 'cache', operation: 'waitUntil' })
    return replay
  }

  return {
    async cacheAI<T>(request: AIRequest, ask: Loader<T>, { usage = usageOf, ...rest }: AIOptions<T> = {}) {
      const key = await aiKey(request)
      savings.request()
      let asked = false
      const answer = await cache.cache<T>(
        key,
        (context) => {
          asked = true
          return ask(context)
        },
        planOf(request, rest as AIOptions<never>),
      )
      if (!asked) savings.save(request.model, read(usage, answer))
      return (copies && Object.isFrozen(answer) ? thaw(answer) : answer) as T
    },
    streamAI<C>(
      request: AIRequest,
      open: (context: LoadContext) => Source<C> | Promise<Source<C>>,
      rest: AIOptions<readonly C[]> = {},
    ) {
      let reader: ReadableStreamDefaultReader<C> | undefined
      let left = false
      const join = async (): Promise<ReadableStreamDefaultReader<C>> => {
        rest.signal?.throwIfAborted()
        const key = await aiKey(request)
        savings.request()
        const running = streams.get(key)
        if (running?.replay.whole) running.joined += 1
        const replay = running?.replay.whole ? (running.replay as Replay<C>) : begin(key, request, open, rest)
        reader = replay.read().getReader()
        rest.signal?.addEventListener('abort', onAbort, { once: true })
        if (left) await reader.cancel()
        return reader
      }
      const onAbort = (): void => void reader?.cancel(rest.signal?.reason).catch(() => undefined)
      let joined: Promise<ReadableStreamDefaultReader<C>> | undefined
      return new ReadableStream<C>(
        {
          async pull(controller) {
            const { done, value } = await (await (joined ??= join())).read()
            if (rest.signal?.aborted) throw toError(rest.signal.reason)
            if (done) {
              rest.signal?.removeEventListener('abort', onAbort)
              controller.close()
            } else controller.enqueue(value)
          },
          async cancel(reason) {
            left = true
            rest.signal?.removeEventListener('abort', onAbort)
            await reader?.cancel(reason)
          },
        },
        { highWaterMark: 0 },
      )
    },
    async invalidateTenant(tenant) {
      await drop(tenantTag(tenant))
    },
    async invalidateModel(model) {
      await drop(modelTag(model))
    },
    stats: savings.stats,
  }

  async function drop(tag: string): Promise<void> {
    // Who comes from now on does not share an answer that is older.
    for (const [key, { tags }] of streams) if (tags.includes(tag)) streams.delete(key)
    await cache.invalidateTag(tag)
  }
}
