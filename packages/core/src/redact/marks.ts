// What rules leave in place of what they hid. No rule looks inside, so that cleaning twice changes nothing.

/** What stands in place of a hidden value. */
export const REDACTED = '[redacted]'
/** What stands in place of a value that no longer fitted the budget of its event. */
export const CUT = '[cut]'
export const EMAIL = '[email]'
export const CARD = '[card]'
export const IBAN = '[iban]'

const ALL = [REDACTED, EMAIL, CARD, IBAN, CUT] as const

/** Splits a text at its marks, which stand at the odd places. */
export const MARKS: RegExp = /(\[(?:redacted|email|card|iban|cut)\])/

/** The length of the mark at `at`, or 0. */
export function markWidth(text: string, at: number): number {
  if (text.charCodeAt(at) !== 91) return 0
  const first = text.charCodeAt(at + 1)
  // r, e, c and i: the letters that marks begin with.
  if (first !== 114 && first !== 101 && first !== 99 && first !== 105) return 0
  for (const mark of ALL) if (text.startsWith(mark, at)) return mark.length
  return 0
}

/** Does a mark end at `to`? */
export function endsWithMark(text: string, to: number): boolean {
  return text.charCodeAt(to - 1) === 93 && ALL.some((mark) => text.endsWith(mark, to))
}
