import { setErrorReporter } from '@msc/core'
import { generateText, streamText, wrapLanguageModel } from 'ai'
import { MockLanguageModelV4, simulateReadableStream } from 'ai/test'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { cacheMiddleware } from '../ai-sdk.ts'
import { createCache } from '../create-cache.ts'
import { memory } from '../drivers/memory.ts'
import { aiKey, createAICache, usageOf } from './index.ts'

const request = { model: 'lyrics-1', prompt: 'Night Drive' }
const setUp = (options: { maxBytes?: number; copies?: boolean } = {}) => {
  const cache = createCache({ driver: memory() })
  return { cache, ai: createAICache({ cache, prices: { 'lyrics-1': { input: 3, output: 15 } }, ...options }) }
}
async function all<C>(stream: ReadableStream<C>): Promise<C[]> {
  const chunks: C[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}
/** A source whose chunks come when they are pushed. */
function source<C>() {
  let controller!: ReadableStreamDefaultController<C>
  const cancelled = vi.fn()
  const stream = new ReadableStream<C>({
    start(it) {
      controller = it
    },
    cancel: cancelled,
  })
  return {
    stream,
    cancelled,
    push: (chunk: C) => controller.enqueue(chunk),
    end: () => controller.close(),
    fail: (error: Error) => controller.error(error),
  }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("what throws in the caller's own functions", () => {
  const fails = (): never => {
    throw new Error('no request to wait for')
  }
  const withReports = async (run: (told: string[]) => Promise<void>): Promise<void> => {
    const told: string[] = []
    const restore = setErrorReporter((_error, { operation }) => void told.push(operation))
    try {
      await run(told)
    } finally {
      restore()
    }
  }
  it('is reported where it is a listener of the abort, and ends nothing', () =>
    withReports(async (told) => {
      const { ai } = setUp()
      const stream = await ai.streamAI(request, async ({ signal }) => {
        signal.addEventListener('abort', fails)
        return source<string>().stream
      })
      const reader = stream.getReader()
      const read = reader.read().catch(() => undefined)
      await turn()
      await reader.cancel()
      await read
      await expect.poll(() => told).toEqual(['abort a stream'])
    }))
  it('is reported, and leaves an answer as it is', () =>
    withReports(async (told) => {
      const { ai } = setUp()
      for (let i = 0; i < 2; i++) expect(await ai.cacheAI(request, async () => 'la', { usage: fails })).toBe('la')
      expect(told).toEqual(['usage'])
      expect(ai.stats()).toMatchObject({ saved: 1, inputTokensSaved: 0 })
    }))
  it('is reported, and leaves a stream as it is', () =>
    withReports(async (told) => {
      const { ai } = setUp()
      const open = () => simulateReadableStream({ chunks: ['a', 'b'] })
      const options = { usage: fails, waitUntil: fails }
      for (let i = 0; i < 2; i++) expect(await all(ai.streamAI(request, open, options))).toEqual(['a', 'b'])
      await turn()
      expect(new Set(told)).toEqual(new Set(['waitUntil', 'usage']))
    }))
})

it('is not made without a cache', () => {
  for (const none of [{}, { cache: {} }, undefined]) {
    expect(() => createAICache(none as never)).toThrow(expect.objectContaining({ code: 'CACHE_AI_NO_CACHE' }))
    expect(() => setUp({ maxBytes: Number.NaN })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  }
})

describe('the key of a request', () => {
  it('is the same whatever the order of its properties, and another for another question', async () => {
    const key = await aiKey({
      model: 'm',
      messages: [{ role: 'user', content: 'a' }],
      params: { a: 1, b: { c: 2, d: 3 } },
    })
    expect(
      await aiKey({ params: { b: { d: 3, c: 2 }, a: 1 }, messages: [{ content: 'a', role: 'user' }], model: 'm' }),
    ).toBe(key)
    const others = await Promise.all([
      aiKey({ model: 'n', messages: [{ role: 'user', content: 'a' }], params: { a: 1, b: { c: 2, d: 3 } } }),
      aiKey({ model: 'm', messages: [{ role: 'user', content: 'a' }], params: { a: 1, b: { c: 2, d: 4 } } }),
      aiKey({
        model: 'm',
        messages: [{ role: 'user', content: 'a' }],
        params: { a: 1, b: { c: 2, d: 3 } },
        tenant: 't',
      }),
      aiKey({ model: 'm', prompt: [{ role: 'user', content: 'a' }], params: { a: 1, b: { c: 2, d: 3 } } }),
    ])
    expect(new Set([key, ...others]).size).toBe(5)
  })

  it('keeps tenants apart, whatever they are called', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string(),
        fc.string(),
        fc.string({ minLength: 1 }),
        fc.string({ minLength: 1 }),
        async (a, b, m, n) => {
          const one = await aiKey({ model: m, prompt: 'p', tenant: a })
          const other = await aiKey({ model: n, prompt: 'p', tenant: b })
          expect(one === other).toBe(a === b && m === n)
        },
      ),
    )
  })

  it('refuses a request that asks nothing', async () => {
    await expect(aiKey({ model: '', prompt: 'p' })).rejects.toMatchObject({ code: 'AI_REQUEST_INVALID' })
    await expect(aiKey({ model: 'm' })).rejects.toMatchObject({ code: 'AI_REQUEST_INVALID' })
  })
})

describe('cacheAI', () => {
  it('asks once, and counts what that saved', async () => {
    const { ai } = setUp()
    const ask = vi.fn(async () => ({ text: 'la', usage: { inputTokens: 1000, outputTokens: 2000 } }))
    const answers = await Promise.all([1, 2, 3].map(() => ai.cacheAI(request, ask)))
    await ai.cacheAI(request, ask)
    expect(ask).toHaveBeenCalledTimes(1)
    expect(answers[2]?.text).toBe('la')
    expect(ai.stats()).toEqual({
      requests: 4,
      saved: 3,
      inputTokensSaved: 3000,
      outputTokensSaved: 6000,
      costSaved: (3000 * 3 + 6000 * 15) / 1e6,
      hitRate: 0.75,
    })
  })

  it('never gives a tenant the answer to another', async () => {
    const { ai } = setUp()
    expect(await ai.cacheAI({ ...request, tenant: 'a' }, () => 'for a')).toBe('for a')
    expect(await ai.cacheAI({ ...request, tenant: 'b' }, () => 'for b')).toBe('for b')
    expect(await ai.cacheAI(request, () => 'for all')).toBe('for all')
    await ai.invalidateTenant('a')
    expect(await ai.cacheAI({ ...request, tenant: 'a' }, () => 'new')).toBe('new')
    expect(await ai.cacheAI({ ...request, tenant: 'b' }, () => 'new')).toBe('for b')
    await ai.invalidateModel('lyrics-1')
    expect(await ai.cacheAI({ ...request, tenant: 'b' }, () => 'new')).toBe('new')
  })

  it('keeps no failure', async () => {
    const { ai } = setUp()
    await expect(ai.cacheAI(request, async () => Promise.reject(new Error('overloaded')))).rejects.toThrow('overloaded')
    expect(await ai.cacheAI(request, () => 'answer')).toBe('answer')
  })

  it.each([
    [{ usage: { prompt_tokens: 1, completion_tokens: 2 } }, { inputTokens: 1, outputTokens: 2 }],
    [{ usage: { input_tokens: 1, output_tokens: 2 } }, { inputTokens: 1, outputTokens: 2 }],
    [{ usage: { inputTokens: { total: 1 }, outputTokens: { total: 2 } } }, { inputTokens: 1, outputTokens: 2 }],
    [{ usage: { inputTokens: -1 } }, undefined],
    [{ usage: 'none' }, undefined],
    [null, undefined],
  ])('reads the usage of %j', (answer, expected) => {
    expect(usageOf(answer)).toEqual(expected)
  })
})

describe('streamAI', () => {
  it('gives a caller who comes late everything from the start, and one who comes later a replay', async () => {
    const { ai } = setUp()
    const { stream, push, end } = source<{ text: string; usage?: unknown }>()
    const open = vi.fn(() => stream)
    const first = ai.streamAI(request, open).getReader()
    push({ text: 'a' })
    expect((await first.read()).value).toEqual({ text: 'a' })
    const lateReader = ai.streamAI(request, open).getReader()
    expect((await lateReader.read()).value).toEqual({ text: 'a' })
    lateReader.releaseLock()
    push({ text: 'b' })
    push({ text: 'c', usage: { inputTokens: 10, outputTokens: 20 } })
    end()
    const rest = []
    for (let step = await first.read(); !step.done; step = await first.read()) rest.push(step.value.text)
    expect(rest).toEqual(['b', 'c'])
    expect((await all(ai.streamAI(request, open))).map(({ text }) => text)).toEqual(['a', 'b', 'c'])
    expect(open).toHaveBeenCalledTimes(1)
    expect(ai.stats()).toMatchObject({ requests: 3, saved: 2, inputTokensSaved: 20, outputTokensSaved: 40 })
  })

  it('goes on for the others when one leaves', async () => {
    const { ai } = setUp()
    const { stream, push, end, cancelled } = source<string>()
    const one = ai.streamAI(request, () => stream).getReader()
    push('a')
    await one.read()
    const other = ai.streamAI(request, () => stream).getReader()
    expect((await other.read()).value).toBe('a')
    await one.cancel()
    push('b')
    end()
    expect([(await other.read()).value, (await other.read()).done]).toEqual(['b', true])
    expect(cancelled).not.toHaveBeenCalled()
  })

  it('ends the source when all have left, and keeps nothing of it', async () => {
    const { ai } = setUp()
    const { stream, push, cancelled } = source<string>()
    let told: AbortSignal | undefined
    const reader = ai
      .streamAI(request, ({ signal }) => {
        told = signal
        return stream
      })
      .getReader()
    push('half')
    await reader.read()
    await reader.cancel()
    await expect.poll(() => cancelled.mock.calls.length).toBe(1)
    expect(told?.aborted).toBe(true)
    expect(
      await all(
        ai.streamAI(request, async function* () {
          yield 'whole'
        }),
      ),
    ).toEqual(['whole'])
  })

  it('ends a reader whose signal aborts', async () => {
    const { ai } = setUp()
    const abort = new AbortController()
    const { stream, push } = source<string>()
    const reader = ai.streamAI(request, () => stream, { signal: abort.signal }).getReader()
    push('a')
    await reader.read()
    const next = reader.read()
    abort.abort(new Error('the client went away'))
    await expect(next).rejects.toThrow('the client went away')
  })

  it('passes a failure on to all readers, and keeps nothing', async () => {
    const { ai } = setUp()
    const { stream, push, fail } = source<string>()
    const readers = [1, 2].map(() => ai.streamAI(request, () => stream).getReader())
    push('a')
    // Both are in it: who comes after the failure would open a stream of its own.
    for (const reader of readers) expect(await reader.read()).toEqual({ done: false, value: 'a' })
    fail(new Error('cut off'))
    const ends = await Promise.allSettled(readers.map(async (reader) => reader.read()))
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('cut off') } })
    }
    await turn()
    expect(
      await all(
        ai.streamAI(request, async function* () {
          yield 'again'
        }),
      ),
    ).toEqual(['again'])
  })

  it('passes on what is too long to keep, at the pace of the slowest', async () => {
    const { ai } = setUp({ maxBytes: 1000 })
    let made = 0
    const open = vi.fn(async function* () {
      for (made = 0; made < 100; made++) yield 'x'.repeat(100)
    })
    const slow = ai.streamAI(request, open).getReader()
    await slow.read()
    const fast = ai.streamAI(request, open).getReader()
    for (let i = 0; i < 5; i++) await fast.read()
    const reading = (async () => {
      let count = 5
      while (!(await fast.read()).done) count += 1
      return count
    })()
    for (let i = 0; i < 50; i++) await turn()
    expect(made).toBeLessThan(12)
    let count = 1
    while (!(await slow.read()).done) count += 1
    expect([count, await reading]).toEqual([100, 100])
    await turn()
    expect((await all(ai.streamAI(request, open))).length).toBe(100)
    expect(open).toHaveBeenCalledTimes(2)
  })

  it('lets no reader change what another gets', async () => {
    const { ai } = setUp({ copies: true })
    const open = async function* () {
      yield { words: ['la'] }
    }
    for (let i = 0; i < 3; i++) {
      const [chunk] = await all(ai.streamAI(request, open))
      expect(chunk).toEqual({ words: ['la'] })
      chunk?.words.push('mine')
    }
  })
})

describe('with the AI SDK', () => {
  const usage = {
    inputTokens: { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: 20, text: 20, reasoning: undefined },
  }
  const finishReason = { unified: 'stop', raw: undefined } as const
  const setUpModel = () => {
    const model = new MockLanguageModelV4({
      modelId: 'lyrics-1',
      doGenerate: async () => ({
        content: [{ type: 'text', text: 'la la la' }],
        finishReason,
        usage,
        warnings: [],
        request: { body: 'secret' },
        response: { id: 'r1', timestamp: new Date(5), headers: { 'x-key': 'secret' } },
      }),
      doStream: async () => ({
        stream: simulateReadableStream({
          chunks: [
            { type: 'stream-start', warnings: [] },
            { type: 'text-start', id: '1' },
            { type: 'text-delta', id: '1', delta: 'la ' },
            { type: 'text-delta', id: '1', delta: 'la' },
            { type: 'text-end', id: '1' },
            { type: 'finish', finishReason, usage },
          ],
        }),
      }),
    })
    const store = memory()
    const middleware = cacheMiddleware({
      cache: createCache({ driver: store }),
      tenant: ({ providerOptions }) => providerOptions?.['msc']?.['tenant'] as string | undefined,
    })
    return { model, middleware, wrapped: wrapLanguageModel({ model, middleware }) }
  }

  it('answers an equal call without the model', async () => {
    const { model, middleware, wrapped } = setUpModel()
    for (let i = 0; i < 3; i++) {
      const result = await generateText({ model: wrapped, prompt: 'sing', temperature: 0 })
      expect(result.text).toBe('la la la')
      expect(result.usage.outputTokens).toBe(20)
      expect(JSON.stringify(result.response.headers ?? {})).not.toContain('secret')
    }
    await generateText({ model: wrapped, prompt: 'sing', temperature: 1 })
    await generateText({ model: wrapped, prompt: 'sing', temperature: 0, providerOptions: { msc: { tenant: 'b' } } })
    expect(model.doGenerateCalls.length).toBe(3)
    expect(middleware.ai.stats()).toMatchObject({ requests: 5, saved: 2, outputTokensSaved: 40 })
  })

  it('replays a stream', async () => {
    const { model, middleware, wrapped } = setUpModel()
    for (let i = 0; i < 3; i++) {
      const result = streamText({ model: wrapped, prompt: 'sing' })
      let text = ''
      for await (const part of result.textStream) text += part
      expect(text).toBe('la la')
      expect((await result.usage).inputTokens).toBe(10)
    }
    expect(model.doStreamCalls.length).toBe(1)
    expect(middleware.ai.stats()).toMatchObject({ saved: 2, outputTokensSaved: 40 })
  })
})
