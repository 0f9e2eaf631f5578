import { createBreaker, createService, deadline, emit, type Clock, type ErrorReporter, type Service } from '@msc/core'
import type { FlagContext, FlagSource } from '../driver.ts'
import type { Evaluation } from '../messages.ts'

export interface FlagReaderOptions {
  readonly timeoutMs: number
  readonly clock: Clock
  readonly onError: ErrorReporter | undefined
}

/** A flag source behind a deadline and a breaker of its own: failing flags cost no event, and the other way round. */
export interface FlagReader {
  /** Health and close of the source, as a separate service. */
  readonly service: Service
  /** Why flags currently have their fallbacks; `undefined` when they don't. */
  readonly outage: () => string | undefined
  /** Never rejects. Returns `undefined` when the source is away. */
  evaluate(keys: readonly string[] | 'all', context: FlagContext): Promise<ReadonlyMap<string, Evaluation> | undefined>
}

export function createFlagReader(source: FlagSource, { timeoutMs, clock, onError }: FlagReaderOptions): FlagReader {
  const name = `[msc/analytics] [${source.name}]`
  const breaker = createBreaker({
    name,
    clock,
    onChange: (state) => emit('driver.breaker', { concern: 'flags', driver: source.name, state }),
  })
  const { service, report } = createService({ concern: 'flags', driver: source, clock, onError, breaker })
  let failing = false

  return {
    service,
    outage: () =>
      breaker.state === 'closed' ? undefined : `Flags have their fallbacks: ${source.name} keeps failing.`,
    async evaluate(keys, context) {
      if (!breaker.tryAcquire()) return undefined
      try {
        const found = await deadline((signal) => source.evaluate(keys, context, signal), {
          operation: `${name} flags`,
          timeoutMs,
          clock,
        })
        breaker.succeed()
        failing = false
        return found
      } catch (error) {
        // A refusal of the credentials or of the quota comes quickly, but it costs each caller a round trip, so it
        // opens the breaker too.
        if ((error as { refuses?: unknown } | null)?.refuses === 'content') breaker.succeed()
        else breaker.fail()
        // Reported when the outage begins, and not for each of a thousand evaluations.
        if (!failing) report(error, 'flags')
        failing = true
        return undefined
      }
    },
  }
}
