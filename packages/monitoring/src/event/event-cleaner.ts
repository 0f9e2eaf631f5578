import { createRedactor, type RedactOptions, type Redactor } from '@msc/core'

/**
 * The redaction of one event, with two budgets: what says who and what it is about never pays for what describes it. A
 * response of a megabyte that hangs on an error costs itself.
 */
export interface EventCleaner {
  /** Tags, and the user: small, and of a budget of their own. */
  readonly identity: <T>(value: T) => T
  /** Extra, breadcrumbs and the properties of errors, within what `redact` of the options allows. */
  readonly details: Redactor
  /** A text that is cleaned first and cut after: a secret across the cut would not be recognised by its first half. */
  text(input: string, maxLength: number): string
}

const IDENTITY = { maxChars: 20_000, maxNodes: 1000 }

export function createEventCleaner(options: RedactOptions = {}): EventCleaner {
  const details = createRedactor(options)
  const bounded = createRedactor({
    ...options,
    maxChars: Math.min(options.maxChars ?? Infinity, IDENTITY.maxChars),
    maxNodes: Math.min(options.maxNodes ?? Infinity, IDENTITY.maxNodes),
  })
  return {
    details,
    // Once more, because a redactor's own limits win over those of the process, which may be smaller.
    identity: (value) => details(bounded(value)),
    text: (input, maxLength) => details.text(input).slice(0, maxLength),
  }
}
