import type { RedactOptions } from './options.ts'

const KEY = Symbol.for('@msc/core/redaction@1')

/**
 * Sets the rules of the whole process: every redactor applies them in addition to its own, including redactors made
 * earlier and those of other copies of this package. A second call replaces the rules of the first; `{}` removes them.
 *
 * Names and patterns of the process apply first, then the redactor's own. Lists of allowed names are joined, `allow`
 * mode applies when either side sets it, and a redactor's own limits win.
 */
export function configureRedaction(options: RedactOptions): void {
  // Stored as a copy: redactors notice a change of the rules by the identity of this object.
  Object.defineProperty(globalThis, KEY, { value: { ...options }, configurable: true, writable: true })
}

const NONE: RedactOptions = {}

/** Returns the rules of the process: the same object until they change. */
export function processOptions(): RedactOptions {
  return (globalThis as { [KEY]?: RedactOptions })[KEY] ?? NONE
}
