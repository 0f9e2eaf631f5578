import type { Breaker } from './breaker.ts'
import type { Clock } from '../time/clock.ts'
import type { DriverBase } from '../contract/driver.ts'
import type { DriverError, MscError } from '../errors/errors.ts'
import type { RedactText } from '../errors/failure-slot.ts'
import { redactText } from '../errors/redact-text.ts'
import type { Health, LastError } from './status.ts'

/**
 * The inputs of the verdict. Functions that the engine has loaded anyway are passed in rather than imported, so that a
 * bundler does not move them out of the page's first file into a chunk that both share.
 */
export interface HealthQuestion {
  readonly concern: string
  readonly driver: Pick<DriverBase, 'name' | 'health' | 'endpoint' | 'variables'>
  readonly inTime: <T>(operation: string, timeoutMs: number, run: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** Throws from the first call of `close` on. */
  readonly assertOpen: () => void
  readonly toError: (value: unknown) => Error
  readonly redact: RedactText | undefined
  readonly clock: Clock
  readonly timeoutMs: number
  readonly breaker?: Pick<Breaker, 'state'> | undefined
  readonly degraded?: (() => string | undefined) | undefined
  readonly stats?: (() => Readonly<Record<string, number>>) | undefined
  /** The last failure that nobody awaited. */
  readonly last: { readonly error: Error; readonly operation: string; readonly at: number } | undefined
}

/** Makes a round trip within the time limit. Returns the verdict and what an operator should do. Never rejects. */
export async function askHealth(question: HealthQuestion): Promise<Health> {
  const { concern, driver, clock, timeoutMs, stats, last, inTime, toError } = question
  const from = clock.monotonic()
  const failure = await inTime('health', timeoutMs, async (signal) => {
    question.assertOpen()
    await driver.health(signal)
  }).then(() => undefined, toError)
  return {
    concern,
    driver: driver.name,
    ...judge(question, failure),
    latencyMs: clock.monotonic() - from,
    checkedAt: clock.now(),
    ...(last && { lastError: lastErrorOf(question, last) }),
    ...(stats && { stats: attempt(() => ({ ...stats() }), {}) }),
  }
}

type Verdict = Pick<Health, 'status' | 'detail' | 'hint' | 'code'>

function judge(question: HealthQuestion, failure: Error | undefined): Verdict {
  const { breaker, redact } = question
  if (failure) {
    const verdict = explain(question, failure)
    if (verdict.code === 'DRIVER_RATE_LIMITED')
      return { status: 'degraded', ...askedToWait(question, failure, verdict) }
    if (verdict.code === 'DRIVER_DEGRADED') return { status: 'degraded', ...verdict }
    if (verdict.code === 'DEADLINE_EXCEEDED') return { status: 'down', ...silence(question) }
    const { hint = isRetryable(failure) ? reachHint(question) : undefined } = verdict
    return { status: 'down', ...verdict, ...(hint !== undefined && { hint }) }
  }
  const degraded = attempt(() => question.degraded?.(), undefined)
  if (degraded !== undefined) return { status: 'degraded', detail: redactText(degraded, redact) }
  if (breaker && breaker.state !== 'closed') {
    return {
      status: 'degraded',
      detail: 'The backend answers again after failures; one call at a time is let through.',
    }
  }
  return { status: 'ready' }
}

/** Returns `otherwise` when an engine's callback throws, so that it can't prevent the verdict. */
function attempt<T>(ask: () => T, otherwise: T): T {
  try {
    return ask()
  } catch {
    return otherwise
  }
}

/** A rate-limited backend is up, and may have sent a retry time. */
function askedToWait(
  { clock }: HealthQuestion,
  failure: Partial<DriverError>,
  verdict: Omit<Verdict, 'status'>,
): Omit<Verdict, 'status'> {
  const until = attempt(() => new Date(Math.round(clock.now() + Number(failure.retryAfterMs))).toISOString(), undefined)
  return until === undefined
    ? verdict
    : { ...verdict, detail: `${verdict.detail} Calls are accepted again from ${until}.` }
}

/** Names the backend that did not answer, and the variables that chose it. */
function silence({ driver, timeoutMs, redact }: HealthQuestion): Omit<Verdict, 'status'> {
  const { name, endpoint } = driver
  const where = endpoint === undefined ? name : `${name} at ${endpoint}`
  return {
    detail: redactText(`${where} did not answer within ${timeoutMs} ms.`, redact),
    hint: reachHint({ driver }),
    code: 'DEADLINE_EXCEEDED',
  }
}

function reachHint({ driver: { variables = [] } }: Pick<HealthQuestion, 'driver'>): string {
  const check = variables.length > 0 ? `Check ${variables.join(', ')}, and that` : 'Check that'
  return `${check} the backend can be reached from this machine.`
}

/** Whether a failure could pass by itself, as an outage does. A refusal or a mistake could not. */
function isRetryable(failure: Error): boolean {
  return attempt(() => (failure as Partial<DriverError>).retryable === true, false)
}

/** `MscError.isInstance`, which would move its class out of the page's first file if it were imported here. */
function asKnown(error: Error): MscError | undefined {
  const marker = Symbol.for('@msc/error')
  return attempt(() => (error as { readonly [marker]?: unknown })[marker] === true, false)
    ? (error as MscError)
    : undefined
}

/** Returns what an operator needs from an error: what is wrong and what to do, without secrets. */
function explain({ redact }: HealthQuestion, error: Error): Omit<Verdict, 'status'> {
  const known = asKnown(error)
  return {
    // The getter of a hostile error's message may throw.
    detail: attempt(() => redactText(String(error.message), redact), 'The error could not be read.'),
    ...(known?.hint !== undefined && { hint: known.hint }),
    ...(known && { code: known.code }),
  }
}

function lastErrorOf(question: HealthQuestion, last: NonNullable<HealthQuestion['last']>): LastError {
  const { at, operation } = last
  const { detail = '', code } = explain(question, last.error)
  return { at, operation, message: detail, ...(code !== undefined && { code }) }
}
