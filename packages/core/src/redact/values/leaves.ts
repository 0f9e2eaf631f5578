// What a value becomes that holds no others, and what that costs.
import { isCardNumber } from './checks.ts'
import { cleanText, scannedLength } from '../clean-text.ts'
import { CARD, CUT, REDACTED } from '../marks.ts'
import { isPrintable } from './member-values.ts'
import type { Rules } from '../rules.ts'

/** The state of one call. */
export interface Walk {
  readonly rules: Rules
  /** What is left of the budget. */
  nodes: number
  chars: number
  /** The objects around the current value: cuts cycles. */
  readonly path: object[]
  /** In allow mode: below an allowed name, and below a name but no allowed one. */
  kept: boolean
  hidden: boolean
}

/** More than any mark takes. */
const SHORTEST_TEXT = 64

/** A value that is neither text nor an object. */
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

/** Something of ours in place of a value: costs what it takes, or it would cost more the next time. */
export function mark(state: Walk, what: string): string {
  if (state.chars <= 0) return CUT
  state.chars -= what.length
  return what
}

/** The same for what is hidden by its name, which is hidden whatever is left. */
export function hiddenMark(state: Walk): string {
  state.chars -= REDACTED.length
  return REDACTED
}

/** A text, as far as the budget goes. */
export function text(state: Walk, input: string): string {
  if (input === '') return input
  if (state.chars <= 0) return CUT
  // A short text is whole even where it ends the budget, so that a mark of ours never becomes a mark of a cut.
  const max = Math.max(SHORTEST_TEXT, Math.min(state.rules.limits.maxString, state.chars))
  const out = cleanText(state.rules, input, max)
  state.chars -= Math.max(scannedLength(input, max), out.length)
  return out
}
