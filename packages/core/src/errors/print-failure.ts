import type { FailureContext, FailureSlot } from './failure-slot.ts'
import { redactText } from './redact-text.ts'

/** Milliseconds for which the same line is not printed again. */
const QUIET_MS = 10_000
/** Lines that are remembered for that. */
const MAX_PRINTED = 200

/**
 * Prints a failure to the console, redacted and on one line; the same line at most once in 10 seconds. The process-wide
 * state is passed in rather than imported, so that a bundler does not move it out of the page's first file into a chunk
 * that both share.
 */
export function printFailure(
  error: unknown,
  context: FailureContext,
  { printed, redact }: Pick<FailureSlot, 'printed' | 'redact'>,
): void {
  const line = redactText(lineOf(error, context), redact)
  const now = performance.now()
  if (now - (printed.get(line) ?? -Infinity) < QUIET_MS) return
  printed.delete(line)
  printed.set(line, now)
  if (printed.size > MAX_PRINTED) printed.delete(printed.keys().next().value as string)
  console.error(line)
}

function lineOf(error: unknown, { concern, operation, driver, ...details }: FailureContext): string {
  const { message, hint } = readable(error)
  const more = Object.entries(details).filter(([, value]) => value !== undefined && typeof value !== 'object')
  return [
    `[msc/${concern}]${driver === undefined ? '' : ` [${driver}]`} ${operation} failed: ${message}`,
    ...(hint === undefined ? [] : [hint]),
    ...(more.length > 0 ? [`(${more.map(([name, value]) => `${name}=${String(value)}`).join(', ')})`] : []),
  ].join(' ')
}

/** A thrown value need not be an error, and reading it may throw. */
function readable(error: unknown): { readonly message: string; readonly hint?: string } {
  try {
    const { message = error, hint } = (error ?? {}) as { readonly message?: unknown; readonly hint?: unknown }
    return typeof hint === 'string' ? { message: String(message), hint } : { message: String(message) }
  } catch {
    return { message: 'A value that cannot be read was thrown.' }
  }
}
