import type { FailureContext, FailureSlot } from './failure-slot.ts'
import { redactText } from './redact-text.ts'

/** Milliseconds for which the same line is not said again, and lines that are remembered for it. */
const QUIET_MS = 10_000
const MAX_SAID = 200

/**
 * Writes a failure to the console: redacted, on one line, and the same one at most once in 10 seconds. What the process
 * shares is passed in: a bundler that splits code must not move it out of the page's first file for this one.
 */
export function sayFailure(
  error: unknown,
  context: FailureContext,
  { said, redact }: Pick<FailureSlot, 'said' | 'redact'>,
): void {
  const line = redactText(lineOf(error, context), redact)
  const now = performance.now()
  if (now - (said.get(line) ?? -Infinity) < QUIET_MS) return
  said.delete(line)
  said.set(line, now)
  if (said.size > MAX_SAID) said.delete(said.keys().next().value as string)
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

/** What is thrown need not be an error, nor let itself be read. */
function readable(error: unknown): { readonly message: string; readonly hint?: string } {
  try {
    const { message = error, hint } = (error ?? {}) as { readonly message?: unknown; readonly hint?: unknown }
    return typeof hint === 'string' ? { message: String(message), hint } : { message: String(message) }
  } catch {
    return { message: 'Something that can not be read was thrown.' }
  }
}
