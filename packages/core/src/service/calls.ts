import { createBreaker, type Breaker } from './breaker.ts'
import { systemClock, type Clock } from '../time/clock.ts'
import { deadline } from '../time/deadline.ts'
import { UnavailableError, readField } from '../errors/errors.ts'
import { emit } from '../telemetry/telemetry.ts'

export interface CallsOptions {
  readonly concern: string
  /** The driver's name. */
  readonly driver: string
  readonly clock?: Clock
  /** Failures in a row that open the breaker. Default 5. */
  readonly threshold?: number
  /** Milliseconds that it stays open before one call may probe the backend. Default 5 000. */
  readonly cooldownMs?: number
}

/** Makes calls to one driver, each under a deadline, and none while the breaker is open. */
export interface Calls {
  readonly breaker: Breaker
  /**
   * Makes a call that must settle within `timeoutMs` milliseconds.
   *
   * @throws UnavailableError `BREAKER_OPEN`, without making the call, while the backend keeps failing; DeadlineError when
   *   the time is up; otherwise the error that the call rejects with.
   */
  call<T>(operation: string, timeoutMs: number, run: (signal: AbortSignal) => PromiseLike<T> | T): Promise<T>
}

/** Codes of retryable errors that prove that the backend answered. */
const ANSWERS = new Set(['CONTENDED'])

export function createCalls(options: CallsOptions): Calls {
  const { concern, driver, clock = systemClock, threshold = 5, cooldownMs = 5000 } = options
  const name = `[msc/${concern}] [${driver}]`
  const breaker = createBreaker({
    name,
    clock,
    threshold,
    cooldownMs,
    onChange: (state) => emit('driver.breaker', { concern, driver, state }),
  })
  return {
    breaker,
    async call(operation, timeoutMs, run) {
      if (!breaker.tryAcquire()) {
        throw new UnavailableError(`${name} ${operation} was not tried: the backend keeps failing.`, {
          code: 'BREAKER_OPEN',
          hint: `Try again later: the backend is probed at most ${cooldownMs} ms after the last failure.`,
        })
      }
      try {
        const value = await deadline(run, { operation: `${name} ${operation}`, timeoutMs, clock })
        breaker.succeed()
        return value
      } catch (error) {
        if (isAnswer(error)) breaker.succeed()
        else breaker.fail()
        throw error
      }
    },
  }
}

/** A non-retryable refusal or a conflict with another client is still an answer: the backend is up. */
function isAnswer(error: unknown): boolean {
  const code = readField(error, 'code')
  return readField(error, 'retryable') === false || (typeof code === 'string' && ANSWERS.has(code))
}
