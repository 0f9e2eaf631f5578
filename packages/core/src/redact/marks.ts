// What rules leave in place of what they hid. No rule looks inside, so that cleaning twice changes nothing.

/** What stands in place of a hidden value. */
export const REDACTED = '[redacted]'
/** What stands in place of a value that no longer fitted the budget of its event. */
export const CUT = '[cut]'
/** What stands in place of an object further in than is read, of one around itself, and of what throws. */
export const TOO_DEEP = '[too deep]'
export const CIRCULAR = '[circular]'
export const UNREADABLE = '[unreadable]'
export const EMAIL = '[email]'
export const CARD = '[card]'
export const IBAN = '[iban]'

/** Splits a text at its marks, which stand at the odd places. */
export const MARKS: RegExp = /(\[(?:redacted|email|card|iban|cut)\])/

/** The length of the mark at `at`, or 0. */
export function markWidth(text: string, at: number): number {
  if (text.charCodeAt(at) !== 91) return 0
  switch (text.charCodeAt(at + 1)) {
    case 114: // r
      return text.startsWith(REDACTED, at) ? REDACTED.length : 0
    case 101: // e
      return text.startsWith(EMAIL, at) ? EMAIL.length : 0
    case 105: // i
      return text.startsWith(IBAN, at) ? IBAN.length : 0
    case 99: // c
      if (text.startsWith(CARD, at)) return CARD.length
      return text.startsWith(CUT, at) ? CUT.length : 0
    default:
      return 0
  }
}

const SHORTEST = CUT.length

/** Does a mark end at `to`? */
export function endsWithMark(text: string, to: number): boolean {
  if (text.charCodeAt(to - 1) !== 93) return false
  for (let at = to - SHORTEST; at >= to - REDACTED.length; at--) if (markWidth(text, at) === to - at) return true
  return false
}
