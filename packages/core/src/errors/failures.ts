import { notify } from '../context/context.ts'
import { toError } from './errors.ts'
import { failureSlot, type ErrorReporter, type FailureContext, type RedactText } from './failure-slot.ts'

/**
 * Sets the reporter of all failures that nobody awaits, for every package in this process; `undefined` selects the
 * console. An engine with its own `onError` calls that instead.
 *
 * @returns A function that restores the previous reporter.
 */
export function setErrorReporter(reporter: ErrorReporter | undefined): () => void {
  const shared = failureSlot()
  const before = shared.reporter
  shared.reporter = reporter
  return () => {
    // A reporter that was set meanwhile stays.
    if (shared.reporter === reporter) shared.reporter = before
  }
}

/**
 * Provides the full redaction rules for services' console output and health. Engines that run on servers call this;
 * page-only code does without it to save bytes.
 */
export function provideRedactText(redact: RedactText): void {
  failureSlot().redact ??= redact
}

/**
 * Reports a failure that nobody awaits: to `onError`, else to the process-wide reporter, else to the console. The console
 * output is redacted, and the same line appears at most once in 10 seconds. A failure that a reporter itself causes while
 * it handles another goes to the console, even when it happens later (in browsers: only until the reporter returns). Never
 * throws, and catches rejections of the reporter.
 */
export function reportFailure(error: unknown, context: FailureContext, onError?: ErrorReporter): void {
  const reporter = onError ?? failureSlot().reporter
  const reported = toError(error)
  const printIt = (): void => print(reported, context)
  if (!reporter) return printIt()
  runGuarded(
    () => notify(reporter, () => reporter(reported, context), printIt),
    (broken) => {
      printIt()
      print(broken, { concern: context.concern, operation: 'onError' })
    },
  )
}

/**
 * Runs a callback of a user, a timer or a socket. An error that it throws, or that its promise rejects with, goes to
 * `onFailure` and nowhere else.
 */
export function runGuarded(callback: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    const result = callback() as { then?: unknown } | null | undefined
    if (typeof result?.then === 'function') (result as PromiseLike<unknown>).then(undefined, onFailure)
  } catch (error) {
    onFailure(error)
  }
}

/** Runs `callback` and reports an error that it throws or rejects with: see {@link reportFailure}. */
export function runReported(callback: () => unknown, context: FailureContext, onError?: ErrorReporter): void {
  runGuarded(callback, (error) => reportFailure(error, context, onError))
}

/** Loads the printing code on demand, so that a page where nothing fails does not download it. */
function print(failure: unknown, context: FailureContext): void {
  import('./print-failure.ts')
    .then(({ printFailure }) => printFailure(failure, context, failureSlot()))
    // A failing console must not cause another failure.
    .catch(() => undefined)
}
