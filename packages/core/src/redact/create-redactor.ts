import { cleanText } from './clean-text.ts'
import { processOptions } from './configure.ts'
import { CUT } from './marks.ts'
import type { RedactOptions, Redactor, TextOptions } from './options.ts'
import { createRules, type Rules } from './rules.ts'
import { provideRedactText } from '../errors/failures.ts'
import { walk } from './walk.ts'

/**
 * Returns a copy of `value` that is safe to store, print or send: secrets are hidden by the names of properties and
 * inside text, personal data by its form, cycles are cut, and all of it stays within a budget. Every sink and signal uses
 * this one rule set.
 *
 * Never throws: a member that can't be read becomes `[unreadable]`, and what exceeds the budget becomes `[cut]`. Never
 * changes its argument. Plain data comes back as plain data; an `Error` becomes `{ name, message, stack, … }`, a `Map` or
 * `Headers` an object, a `Set` an array, a `URL` text. Redacting the result again changes nothing.
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

/** Like {@link redact}, with its rules prepared once, for hot paths. */
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
      return cleanText(current(), input, Math.min(limits.maxString, limits.maxChars, requestedMax(options)))
    },
  })
  // The rules are loaded now, so what services print to the console can be redacted too.
  provideRedactText(redactor.text)
  return redactor
}

/** Anything other than a number of at least 1 sets no bound. */
function requestedMax(options: TextOptions | undefined): number {
  const max = options?.max
  return typeof max === 'number' && max >= 1 ? Math.floor(max) : Infinity
}

let lazy: Redactor | undefined

/** One redactor serves all calls without options, because its cache of judged names saves more than it costs. */
function shared<T>(value: T): T {
  lazy ??= createRedactor()
  return lazy(value)
}
