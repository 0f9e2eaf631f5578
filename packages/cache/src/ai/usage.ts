/** Tokens of one answer. */
export interface TokenUsage {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** What a million tokens cost, in whatever currency the sum is to be in. */
export interface ModelPrice {
  readonly input: number
  readonly output: number
}

/**
 * The usage that an answer tells: AI SDK (`usage.inputTokens`, a number or `{ total }`), OpenAI (`prompt_tokens`),
 * Anthropic (`input_tokens`). `undefined` where it tells none.
 */
export function usageOf(answer: unknown): TokenUsage | undefined {
  const usage = (answer as { usage?: unknown } | null | undefined)?.usage
  if (typeof usage !== 'object' || usage === null) return undefined
  const read = (...names: string[]): number | undefined => {
    for (const name of names) {
      const value = (usage as Record<string, unknown>)[name]
      const count = typeof value === 'object' && value !== null ? (value as { total?: unknown }).total : value
      if (typeof count === 'number' && Number.isFinite(count) && count >= 0) return count
    }
    return undefined
  }
  const inputTokens = read('inputTokens', 'prompt_tokens', 'input_tokens')
  const outputTokens = read('outputTokens', 'completion_tokens', 'output_tokens')
  if (inputTokens === undefined && outputTokens === undefined) return undefined
  return { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0 }
}

/** The usage that a stream tells: its last chunk that tells any. */
export function usageOfChunks(chunks: readonly unknown[]): TokenUsage | undefined {
  for (let i = chunks.length - 1; i >= 0; i--) {
    const usage = usageOf(chunks[i])
    if (usage) return usage
  }
  return undefined
}

/** Counted since the AI cache was made. */
export interface AIStats {
  readonly requests: number
  /** Requests for which no model was called: cached, or shared with another caller. */
  readonly saved: number
  readonly inputTokensSaved: number
  readonly outputTokensSaved: number
  /** In the currency of the prices; models without a price count nothing. */
  readonly costSaved: number
  /** saved / requests, 0 before the first. */
  readonly hitRate: number
}

export interface Savings {
  request(): void
  save(model: string, usage: TokenUsage | undefined): void
  stats(): AIStats
}

export function createSavings(prices: Readonly<Record<string, ModelPrice>>): Savings {
  let requests = 0
  let saved = 0
  let inputTokensSaved = 0
  let outputTokensSaved = 0
  let costSaved = 0
  return {
    request() {
      requests += 1
    },
    save(model, usage) {
      saved += 1
      if (!usage) return
      inputTokensSaved += usage.inputTokens
      outputTokensSaved += usage.outputTokens
      const price = Object.hasOwn(prices, model) ? prices[model] : undefined
      if (price) costSaved += (usage.inputTokens * price.input + usage.outputTokens * price.output) / 1e6
    },
    stats: () => ({
      requests,
      saved,
      inputTokensSaved,
      outputTokensSaved,
      costSaved,
      hitRate: requests === 0 ? 0 : saved / requests,
    }),
  }
}
