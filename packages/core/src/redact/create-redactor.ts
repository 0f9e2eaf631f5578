import { cleanText } from './clean-text.ts'
import { processOptions } from './configure.ts'
import { CUT } from './marks.ts'
import type { RedactOptions, Redactor, TextOptions } from './options.ts'
import { createRules, type Rules } from './rules.ts'
import { provideRedactText } from '../errors/failures.ts'
import { walk } from './walk.ts'

/**
 * A copy of `value` that is safe to store, print or send: secrets hidden by the names of properties and inside text,
 * personal data by its form, cycles cut, all within a budget. The one rule set for every sink and signal.
 *
 * Never throws: a member that can't be read becomes `[unreadable]`, and what exceeds the budget `[cut]`. Never changes
 * its argument. Plain data comes back as plain data; an `Error` becomes `{ name, message, stack, … }`, a `Map` or
 * `Headers` an object, a `Set` an array, a `URL` text. Cleaning what is clean changes nothing.
 *
 * @example
 * ```ts
 * redact({ password: 'night-drive', note: 'write to ana@msc.example' })
 * // { password: '[redacted]', note: 'write to [email]' }
 * ```
 */
export function redact<T>(value: T, options?: RedactOptions): T {
  return options === undefined ? shared(value) : createRedactor(options)(value)
}

/** {@link redact} with its rules prepared once; for a hot path. */
export function createRedactor(options: RedactOptions = {}): Redactor {
  let source: RedactOptions | undefined
  let rules: Rules
  const current = (): Rules => {
    const process = processOptions()
    if (source !== process) {
      rules = createRules(process, options)
      source = process
    }
    return rules
  }
  const redactor: Redactor = Object.assign(<T>(value: T): T => walk(current(), value) as T, {
    text(input: string, options?: TextOptions): string {
      if (typeof input !== 'string') return CUT
      const { limits } = current()
      return cleanText(current(), input, Math.min(limits.maxString, limits.maxChars, mostOf(options)))
    },
  })
  // Now that the rules are here, what services say on the console can have them too.
  provideRedactText(redactor.text)
  return redactor
}

/** Anything but a number of at least 1 is no bound. */
function mostOf(options: TextOptions | undefined): number {
  const max = options?.max
  return typeof max === 'number' && max >= 1 ? Math.floor(max) : Infinity
}

let lazy: Redactor | undefined

/** One redactor for all calls without options: its memory of names is worth more than what it takes. */
function shared<T>(value: T): T {
  lazy ??= createRedactor()
  return lazy(value)
}
