import type { Breaker } from './breaker.ts'
import type { Clock } from './clock.ts'
import { deadline } from './deadline.ts'
import type { DriverBase } from './driver.ts'
import { DeadlineError, MscError, toError } from './errors.ts'
import { redactText } from './redact-text.ts'
import type { Health, LastError } from './status.ts'

export interface HealthQuestion {
  readonly concern: string
  readonly driver: Pick<DriverBase, 'name' | 'health' | 'endpoint' | 'variables'>
  readonly clock: Clock
  readonly timeoutMs: number
  readonly breaker?: Pick<Breaker, 'state'> | undefined
  readonly degraded?: (() => string | undefined) | undefined
  readonly stats?: (() => Readonly<Record<string, number>>) | undefined
  /** The last failure that nobody awaited. */
  readonly last: { readonly error: unknown; readonly operation: string; readonly at: number } | undefined
}

/** A round trip within its time, and the verdict on it, with what an operator should do. Never rejects. */
export async function askHealth(question: HealthQuestion): Promise<Health> {
  const { concern, driver, clock, timeoutMs, stats, last } = question
  const from = clock.monotonic()
  const failure = await deadline((signal) => driver.health(signal), {
    operation: `[msc/${concern}] [${driver.name}] health`,
    timeoutMs,
    clock,
  }).then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  return {
    concern,
    driver: driver.name,
    ...judge(question, failure),
    latencyMs: clock.monotonic() - from,
    checkedAt: clock.now(),
    ...(last && { lastError: lastErrorOf(last) }),
    ...(stats && { stats: { ...stats() } }),
  }
}

type Verdict = Pick<Health, 'status' | 'detail' | 'hint' | 'code'>

function judge(question: HealthQuestion, failure: { readonly error: unknown } | undefined): Verdict {
  const { driver, timeoutMs, breaker } = question
  if (failure) {
    const { error } = failure
    return { status: 'down', ...(error instanceof DeadlineError ? silence(driver, timeoutMs) : explain(error)) }
  }
  const degraded = question.degraded?.()
  if (degraded !== undefined) return { status: 'degraded', detail: redactText(degraded) }
  if (breaker && breaker.state !== 'closed') {
    return { status: 'degraded', detail: 'It answers again after failures; calls are being let through one at a time.' }
  }
  return { status: 'ready' }
}

/** Names what did not answer, and the variables that chose it. */
function silence(
  { name, endpoint, variables = [] }: HealthQuestion['driver'],
  timeoutMs: number,
): Omit<Verdict, 'status'> {
  const where = endpoint === undefined ? name : `${name} at ${endpoint}`
  const check = variables.length > 0 ? `Check ${variables.join(', ')}, and that` : 'Check that'
  return {
    detail: redactText(`${where} did not answer within ${timeoutMs} ms.`),
    hint: `${check} the backend can be reached from this machine.`,
    code: 'DEADLINE_EXCEEDED',
  }
}

/** What an operator needs of an error: what is wrong and what to do, without a secret. */
function explain(error: unknown): Omit<Verdict, 'status'> {
  const known = MscError.isInstance(error) ? error : undefined
  return {
    detail: redactText(toError(error).message),
    ...(known?.hint !== undefined && { hint: known.hint }),
    ...(known && { code: known.code }),
  }
}

function lastErrorOf({ error, operation, at }: NonNullable<HealthQuestion['last']>): LastError {
  const { detail = '', code } = explain(error)
  return { at, operation, message: detail, ...(code !== undefined && { code }) }
}
