/** A number with all its digits: `sign * 0.digits * 10 ** exponent`. Zero has none. */
interface Decimal {
  readonly sign: -1 | 0 | 1
  readonly digits: string
  readonly exponent: number
}

// Each digit can be in one place only: the text of a row may be as long as it likes.
const DECIMAL = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?\s*$/

/** Reads a number as JSON and Postgres write it; `undefined` for what is none. */
export function decimalOf(text: string): Decimal | undefined {
  const [, sign, whole = '', part = '', exponent = '0'] = DECIMAL.exec(text) ?? []
  const all = whole + part
  if (sign === undefined || all === '') return undefined
  const digits = all.replace(/^0+/, '')
  if (digits === '') return { sign: 0, digits: '', exponent: 0 }
  const leading = all.length - digits.length
  return {
    sign: sign === '-' ? -1 : 1,
    digits: digits.replace(/0+$/, ''),
    exponent: whole.length - leading + Number(exponent),
  }
}

/** Below zero where the first is less, above it where it is more. */
export function compareDecimals(one: Decimal, other: Decimal): number {
  if (one.sign !== other.sign || one.sign === 0) return one.sign - other.sign
  const byExponent = one.exponent - other.exponent
  const byDigits = one.digits === other.digits ? 0 : one.digits < other.digits ? -1 : 1
  // Never the other zero.
  return one.sign * (byExponent || byDigits) || 0
}

/** Whether a JavaScript number holds what a number's text says. */
export function isHeld(text: string): boolean {
  const [said, held] = [decimalOf(text), decimalOf(String(Number(text)))]
  return said !== undefined && held !== undefined && compareDecimals(said, held) === 0
}
