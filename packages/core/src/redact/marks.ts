// Marks are the placeholders that rules leave for what they hid. No rule reads inside a mark, so cleaning twice changes
// nothing.

/** Replaces a hidden value. */
export const REDACTED = '[redacted]'
/** Replaces a value that exceeded the budget of its call. */
export const CUT = '[cut]'
/** These replace an object below the maximum depth, an object inside itself, and a member that throws. */
export const TOO_DEEP = '[too deep]'
export const CIRCULAR = '[circular]'
export const UNREADABLE = '[unreadable]'
export const EMAIL = '[email]'
export const CARD = '[card]'
export const IBAN = '[iban]'

/** Splits a text at its marks; the odd items of the result are the marks. */
export const MARKS: RegExp = /(\[(?:redacted|email|card|iban|cut)\])/

/** Returns the length of the mark at `at`, or 0. */
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

const SHORTEST = /* @__PURE__ */ (() => CUT.length)()

/** True when a mark ends at `to`. */
export function endsWithMark(text: string, to: number): boolean {
  if (text.charCodeAt(to - 1) !== 93) return false
  for (let at = to - SHORTEST; at >= to - REDACTED.length; at--) if (markWidth(text, at) === to - at) return true
  return false
}
