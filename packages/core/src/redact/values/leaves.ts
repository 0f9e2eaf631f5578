// Cleans values that hold no others, and charges them to the budget.
import { isCardNumber } from './checks.ts'
import { cleanText, scannedLength } from '../clean-text.ts'
import { CARD, CUT, REDACTED } from '../marks.ts'
import { isPrintable } from './member-values.ts'
import type { Rules } from '../rules.ts'

/** State of one call of a redactor. */
export interface Walk {
  readonly rules: Rules
  /** The rest of the budget, in values and in characters. */
  nodes: number
  chars: number
  /** The objects that enclose the current value, for finding cycles. */
  readonly path: object[]
  /** In allow mode: `kept` below an allowed name, `hidden` below names of which none is allowed. */
  kept: boolean
  hidden: boolean
}

/** Longer than any mark. */
const SHORTEST_TEXT = 64

/** Cleans a value that is neither text nor an object. */
export function scalar(state: Walk, value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return value >= 1e13 && Number.isSafeInteger(value) && isCardNumber(String(value)) ? mark(state, CARD) : value
    case 'bigint':
      return mark(state, bigintText(value))
    case 'function':
    case 'symbol':
      return mark(state, `[${typeof value}]`)
    default:
      return value
  }
}

function bigintText(value: bigint): string {
  if (!isPrintable(value)) return '[bigint]'
  const digits = String(value)
  return isCardNumber(digits) ? CARD : `${digits}n`
}

/** Puts a mark in place of a value. It costs its own length, or cleaning the result again would cost more. */
export function mark(state: Walk, what: string): string {
  if (state.chars <= 0) return CUT
  state.chars -= what.length
  return what
}

/** Hides a value for its name, even when the budget is used up. */
export function hiddenMark(state: Walk): string {
  state.chars -= REDACTED.length
  return REDACTED
}

/** Cleans a text, as far as the budget allows. */
export function text(state: Walk, input: string): string {
  if (input === '') return input
  if (state.chars <= 0) return CUT
  // A short text is kept whole even when it exceeds the budget, so that one of our own marks is never cut.
  const max = Math.max(SHORTEST_TEXT, Math.min(state.rules.limits.maxString, state.chars))
  const out = cleanText(state.rules, input, max)
  state.chars -= Math.max(scannedLength(input, max), out.length)
  return out
}
