import { createRedactor, type RedactOptions, type Redactor } from '@msc/core'

/**
 * Redacts one event with two budgets, so that the parts that describe it never use up the budget of the parts that identify
 * it. A response of a megabyte on an error loses only its own data.
 */
export interface EventCleaner {
  /** Cleans tags and the user, which are small and have a budget of their own. */
  readonly identity: <T>(value: T) => T
  /** Cleans extra, breadcrumbs and the properties of errors, within the limits of the option `redact`. */
  readonly details: Redactor
  /** Cleans a text before it cuts it: the first half of a secret at the cut would not be recognised. */
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
    // Cleaned twice: a redactor's own limits override those of the process, which may be smaller.
    identity: (value) => details(bounded(value)),
    text: (input, maxLength) => details.text(input).slice(0, maxLength),
  }
}
