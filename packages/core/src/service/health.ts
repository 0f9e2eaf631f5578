import type { Breaker } from './breaker.ts'
import type { Clock } from '../time/clock.ts'
import type { DriverBase } from '../contract/driver.ts'
import type { DriverError, MscError } from '../errors/errors.ts'
import type { RedactText } from '../errors/failure-slot.ts'
import { redactText } from '../errors/redact-text.ts'
import type { Health, LastError } from './status.ts'

/**
 * What the verdict is made of. What the engine has loaded anyway is passed in: a bundler that splits code must not move
 * it out of the page's first file for this one.
 */
export interface HealthQuestion {
  readonly concern: string
  readonly driver: Pick<DriverBase, 'name' | 'health' | 'endpoint' | 'variables'>
  readonly inTime: <T>(operation: string, timeoutMs: number, run: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** Throws once the service has begun to close. */
  readonly assertOpen: () => void
  readonly toError: (value: unknown) => Error
  readonly isKnown: (error: unknown) => error is MscError
  readonly redact: RedactText | undefined
  readonly clock: Clock
  readonly timeoutMs: number
  readonly breaker?: Pick<Breaker, 'state'> | undefined
  readonly degraded?: (() => string | undefined) | undefined
  readonly stats?: (() => Readonly<Record<string, number>>) | undefined
  /** The last failure that nobody awaited. */
  readonly last: { readonly error: Error; readonly operation: string; readonly at: number } | undefined
}

/** A round trip within its time, and the verdict on it, with what an operator should do. Never rejects. */
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
    return { status: 'down', ...(verdict.code === 'DEADLINE_EXCEEDED' ? silence(question) : verdict) }
  }
  const degraded = attempt(() => question.degraded?.(), undefined)
  if (degraded !== undefined) return { status: 'degraded', detail: redactText(degraded, redact) }
  if (breaker && breaker.state !== 'closed') {
    return { status: 'degraded', detail: 'It answers again after failures; calls are being let through one at a time.' }
  }
  return { status: 'ready' }
}

/** What an engine says of itself must not take the verdict away. */
function attempt<T>(ask: () => T, otherwise: T): T {
  try {
    return ask()
  } catch {
    return otherwise
  }
}

/** A backend that wants to be asked later is there, and may have said until when. */
function askedToWait(
  { clock }: HealthQuestion,
  failure: Partial<DriverError>,
  verdict: Omit<Verdict, 'status'>,
): Omit<Verdict, 'status'> {
  const until = attempt(() => new Date(Math.round(clock.now() + Number(failure.retryAfterMs))).toISOString(), undefined)
  return until === undefined
    ? verdict
    : { ...verdict, detail: `${verdict.detail} It is to be left alone until ${until}.` }
}

/** Names what did not answer, and the variables that chose it. */
function silence({ driver, timeoutMs, redact }: HealthQuestion): Omit<Verdict, 'status'> {
  const { name, endpoint, variables = [] } = driver
  const where = endpoint === undefined ? name : `${name} at ${endpoint}`
  const check = variables.length > 0 ? `Check ${variables.join(', ')}, and that` : 'Check that'
  return {
    detail: redactText(`${where} did not answer within ${timeoutMs} ms.`, redact),
    hint: `${check} the backend can be reached from this machine.`,
    code: 'DEADLINE_EXCEEDED',
  }
}

/** What an operator needs of an error: what is wrong and what to do, without a secret. */
function explain({ isKnown, redact }: HealthQuestion, error: Error): Omit<Verdict, 'status'> {
  const known = isKnown(error) ? error : undefined
  return {
    // An error that can not be read is still one.
    detail: attempt(() => redactText(String(error.message), redact), 'An error that can not be read.'),
    ...(known?.hint !== undefined && { hint: known.hint }),
    ...(known && { code: known.code }),
  }
}

function lastErrorOf(question: HealthQuestion, last: NonNullable<HealthQuestion['last']>): LastError {
  const { at, operation } = last
  const { detail = '', code } = explain(question, last.error)
  return { at, operation, message: detail, ...(code !== undefined && { code }) }
}
