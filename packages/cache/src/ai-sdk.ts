import type { LanguageModelMiddleware } from 'ai'
import { createAICache, type AICache, type AICacheOptions, type AIOptions } from './ai/create-ai-cache.ts'
import type { AIRequest } from './ai/request.ts'

type WrapGenerate = NonNullable<LanguageModelMiddleware['wrapGenerate']>
type WrapStream = NonNullable<LanguageModelMiddleware['wrapStream']>
type CallOptions = Parameters<WrapGenerate>[0]['params']
type GenerateResult = Awaited<ReturnType<WrapGenerate>>
type StreamPart = Awaited<ReturnType<WrapStream>>['stream'] extends ReadableStream<infer Part> ? Part : never

export interface CacheMiddlewareOptions extends Omit<AICacheOptions, 'copies'> {
  /** Whose request it is. Default: shared by all. */
  readonly tenant?: (params: CallOptions) => string | undefined
  /** False for a call that must not be cached. Default: all are. */
  readonly shouldCache?: (params: CallOptions) => boolean
  readonly waitUntil?: (work: Promise<unknown>) => void
}

export interface CacheMiddleware extends LanguageModelMiddleware {
  /** What it stands on: its stats, and its invalidations. */
  readonly ai: AICache
}

/**
 * Caches the calls of a model of the AI SDK 7: `wrapLanguageModel({ model, middleware: cacheMiddleware({ cache }) })`.
 * Answers and streams alike; a stream that fails, or reports an error, is not kept.
 */
export function cacheMiddleware(options: CacheMiddlewareOptions): CacheMiddleware {
  const { tenant, shouldCache = () => true, waitUntil, ...rest } = options
  // The SDK adds to what it is given.
  const ai = createAICache({ ...rest, copies: true })
  const settings: Pick<AIOptions<never>, 'waitUntil'> = waitUntil ? { waitUntil } : {}

  const requestOf = (
    kind: 'generate' | 'stream',
    model: { readonly provider: string; readonly modelId: string },
    params: CallOptions,
  ): AIRequest => {
    const { abortSignal: _abortSignal, headers: _headers, prompt, ...others } = params
    const whose = tenant?.(params)
    return {
      model: model.modelId,
      prompt,
      params: { kind, provider: model.provider, ...others },
      ...(whose !== undefined && { tenant: whose }),
    }
  }

  return {
    specificationVersion: 'v4',
    ai,
    wrapGenerate: ({ doGenerate, params, model }) => {
      if (!shouldCache(params)) return doGenerate()
      const ask = async (): Promise<GenerateResult> => withoutTransport(await doGenerate())
      return ai.cacheAI(requestOf('generate', model, params), ask, {
        ...settings,
        ...(params.abortSignal && { signal: params.abortSignal }),
      })
    },
    async wrapStream({ doStream, params, model }) {
      if (!shouldCache(params)) return doStream()
      const stream = ai.streamAI<StreamPart>(
        requestOf('stream', model, params),
        async () => refuseErrors((await doStream()).stream as ReadableStream<StreamPart>),
        { ...settings, ...(params.abortSignal && { signal: params.abortSignal }) },
      )
      return { stream: stream as Awaited<ReturnType<WrapStream>>['stream'] }
    },
  }
}

/** Bodies and header fields of one exchange: of no use in another, and they may hold a secret. */
function withoutTransport(result: GenerateResult): GenerateResult {
  const { request: _request, response, ...answer } = result
  if (!response) return answer
  const { headers: _headers, body: _body, ...told } = response
  return { ...answer, response: told }
}

/** A stream that tells of an error in a part ends in it, or it would be kept as a good one. */
function refuseErrors(stream: ReadableStream<StreamPart>): ReadableStream<StreamPart> {
  return stream.pipeThrough(
    new TransformStream<StreamPart, StreamPart>({
      transform(part, controller) {
        if (part.type === 'error') controller.error(part.error)
        else controller.enqueue(part)
      },
    }),
  )
}
