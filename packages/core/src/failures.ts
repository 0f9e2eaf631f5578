import type { Clock } from './clock.ts'
import { MscError, toError } from './errors.ts'
import { redact } from './redact.ts'
import { processSlot } from './slot.ts'

/** Where a failure that nobody awaits happened. */
export interface FailureContext {
  /** `cache`, `jobs`, … */
  readonly concern: string
  /** What was tried: `delivery`, `listen`, `onDrop`. */
  readonly operation: string
  readonly driver?: string
  /** More that tells one failure from another: `job`, `runId`, `topic`. The console shows what is no object. */
  readonly [detail: string]: unknown
}

/** Told of a failure that nobody awaits. What it throws or rejects with is caught. */
export type ErrorReporter = (error: Error, context: FailureContext) => unknown

interface Slot {
  reporter?: ErrorReporter | undefined
  /** When a line of the console was last written, by what it says. */
  readonly said: Map<string, number>
}

const slot = (): Slot => processSlot('core/failures', () => ({ said: new Map() }))

/**
 * The one place that hears every failure nobody awaits, of every package in this process; `undefined` for the console.
 * An engine's own `onError` takes its place for that engine.
 *
 * @returns A function that puts back what was there before.
 */
export function setErrorReporter(reporter: ErrorReporter | undefined): () => void {
  const shared = slot()
  const before = shared.reporter
  shared.reporter = reporter
  return () => {
    if (shared.reporter === reporter) shared.reporter = before
  }
}

/**
 * Reports a failure that nobody awaits: to `onError`, else to the process's reporter, else to the console, redacted and
 * the same line at most once in 10 seconds. Never throws, and no rejection of a reporter gets away.
 */
export function reportFailure(error: unknown, context: FailureContext, onError?: ErrorReporter): void {
  const reporter = onError ?? slot().reporter
  const reported = toError(error)
  if (!reporter) return say(reported, context)
  runGuarded(
    () => reporter(reported, context),
    (broken) => {
      say(reported, context)
      say(toError(broken), { concern: context.concern, operation: 'onError' })
    },
  )
}

/**
 * Runs a callback of a user, a timer or a socket: what it throws, or what a promise that it returns rejects with, goes
 * to `onFailure` and nowhere else.
 */
export function runGuarded(callback: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    const result = callback()
    if (isThenable(result)) result.then(undefined, onFailure)
  } catch (error) {
    onFailure(error)
  }
}

/** Reports what `callback` throws or rejects with under `context`: see {@link reportFailure}. */
export function runReported(callback: () => unknown, context: FailureContext, onError?: ErrorReporter): void {
  runGuarded(callback, (error) => reportFailure(error, context, onError))
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

const QUIET_MS = 10_000
const MAX_SAID = 200

function say(error: Error, context: FailureContext, now: Clock['monotonic'] = () => performance.now()): void {
  try {
    const line = lineOf(error, context)
    const { said } = slot()
    const at = now()
    const before = said.get(line)
    if (before !== undefined && at - before < QUIET_MS) return
    said.delete(line)
    said.set(line, at)
    if (said.size > MAX_SAID) said.delete(said.keys().next().value as string)
    console.error(line)
  } catch {
    // A console that fails must not make one failure two.
  }
}

function lineOf(error: Error, { concern, operation, driver, ...details }: FailureContext): string {
  const where = [`[msc/${concern}]`, ...(driver === undefined ? [] : [`[${driver}]`])].join(' ')
  const more = Object.entries(details).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [`${name}=${value}`] : [],
  )
  const hint = MscError.isInstance(error) && error.hint !== undefined ? ` ${error.hint}` : ''
  const text = `${where} ${operation} failed: ${error.message}${hint}${more.length > 0 ? ` (${more.join(', ')})` : ''}`
  return redact(text)
}
