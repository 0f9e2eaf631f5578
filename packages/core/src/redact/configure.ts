import type { RedactOptions } from './options.ts'

const KEY = Symbol.for('@msc/core/redaction@1')

/**
 * Sets the rules of the whole process: every redactor applies them in addition to its own, also those made earlier and
 * those of other copies of this package. A second call replaces the first one's rules; `{}` removes them.
 *
 * Names and patterns of the process come first, then the redactor's own; lists of allowed names are joined, and `allow`
 * mode applies when either asks for it. Of the limits, a redactor's own win.
 */
export function configureRedaction(options: RedactOptions): void {
  // A copy, so that the identity of the object says whether the rules have changed.
  Object.defineProperty(globalThis, KEY, { value: { ...options }, configurable: true, writable: true })
}

const NONE: RedactOptions = {}

/** The rules of the process: the same object until they change. */
export function processOptions(): RedactOptions {
  return (globalThis as { [KEY]?: RedactOptions })[KEY] ?? NONE
}
