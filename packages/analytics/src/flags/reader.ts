import { createBreaker, createService, deadline, emit, type Clock, type ErrorReporter, type Service } from '@msc/core'
import type { FlagContext, FlagSource } from '../driver.ts'
import type { Evaluation } from '../messages.ts'

export interface FlagReaderOptions {
  readonly timeoutMs: number
  readonly clock: Clock
  readonly onError: ErrorReporter | undefined
}

/** A flag source behind a deadline and a breaker of its own: what becomes of flags costs no event, and the reverse. */
export interface FlagReader {
  /** Health and close of the source, as a service of its own. */
  readonly service: Service
  /** Why flags have their fallbacks at the moment; `undefined` when they don't. */
  readonly outage: () => string | undefined
  /** Never rejects: `undefined` when the source is away. */
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
        // A refusal of the credentials or the quota answers as quickly as it ever will; but it costs each caller a
        // round trip, so it opens the breaker too.
        if ((error as { refuses?: unknown } | null)?.refuses === 'content') breaker.succeed()
        else breaker.fail()
        // Told when it begins, not for each of a thousand checks.
        if (!failing) report(error, 'flags')
        failing = true
        return undefined
      }
    },
  }
}
