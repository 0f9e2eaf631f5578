import { tell } from '../context/context.ts'
import { toError } from './errors.ts'
import { failureSlot, type ErrorReporter, type FailureContext, type RedactText } from './failure-slot.ts'

/**
 * The one place that hears every failure nobody awaits, of every package in this process; `undefined` for the console.
 * An engine's own `onError` takes its place for that engine.
 *
 * @returns A function that puts back what was there before.
 */
export function setErrorReporter(reporter: ErrorReporter | undefined): () => void {
  const shared = failureSlot()
  const before = shared.reporter
  shared.reporter = reporter
  return () => {
    // Not over another one that was set meanwhile.
    if (shared.reporter === reporter) shared.reporter = before
  }
}

/**
 * Makes the full rule set clean what services say on the console and in their health. Engines that run on servers
 * provide it; what runs in a page alone does without its weight.
 */
export function provideRedactText(redact: RedactText): void {
  failureSlot().redact ??= redact
}

/**
 * Reports a failure that nobody awaits: to `onError`, else to the process's reporter, else to the console, redacted and
 * the same line at most once in 10 seconds. A failure that a reporter causes in what it does for another goes to the
 * console, also where it happens later (in browsers: while the reporter has not returned). Never throws, and no rejection of a reporter gets away.
 */
export function reportFailure(error: unknown, context: FailureContext, onError?: ErrorReporter): void {
  const reporter = onError ?? failureSlot().reporter
  const reported = toError(error)
  const sayIt = (): void => say(reported, context)
  if (!reporter) return sayIt()
  runGuarded(
    () => tell(reporter, () => reporter(reported, context), sayIt),
    (broken) => {
      sayIt()
      say(broken, { concern: context.concern, operation: 'onError' })
    },
  )
}

/**
 * Runs a callback of a user, a timer or a socket: what it throws, or what a promise that it returns rejects with, goes
 * to `onFailure` and nowhere else.
 */
export function runGuarded(callback: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    const result = callback() as { then?: unknown } | null | undefined
    if (typeof result?.then === 'function') (result as PromiseLike<unknown>).then(undefined, onFailure)
  } catch (error) {
    onFailure(error)
  }
}

/** Reports what `callback` throws or rejects with under `context`: see {@link reportFailure}. */
export function runReported(callback: () => unknown, context: FailureContext, onError?: ErrorReporter): void {
  runGuarded(callback, (error) => reportFailure(error, context, onError))
}

/** Its words are loaded when there is something to say: a page where nothing fails does not carry them. */
function say(failure: unknown, context: FailureContext): void {
  import('./say-failure.ts')
    .then(({ sayFailure }) => sayFailure(failure, context, failureSlot()))
    // A console that fails must not make one failure two.
    .catch(() => undefined)
}
