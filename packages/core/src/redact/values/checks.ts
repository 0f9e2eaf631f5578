/**
 * True when cards of some issuer begin with these four digits and have this length. Follows ISO/IEC 7812 and the
 * issuers' own ranges, so that barcodes, times in milliseconds and 64-bit ids are left alone.
 */
export function hasIssuer(four: number, length: number): boolean {
  const two = Math.floor(four / 100)
  const three = Math.floor(four / 10)
  switch (length) {
    case 14: // Diners Club
      return two === 36 || two === 38 || two === 39 || (three >= 300 && three <= 305)
    case 15: // American Express
      return two === 34 || two === 37
    case 16:
      return (
        (two >= 40 && two <= 49) || // Visa
        (two >= 51 && two <= 55) || // Mastercard
        (four >= 2221 && four <= 2720) || // Mastercard
        four === 6011 || // Discover
        two === 65 || // Discover
        (three >= 644 && three <= 649) || // Discover
        (four >= 3528 && four <= 3589) || // JCB
        two === 62 || // UnionPay
        two === 81 // UnionPay
      )
    default:
      return false
  }
}

/** Verifies the check digit of ISO/IEC 7812-1, annex B. Characters between the digits are skipped. */
export function passesLuhn(text: string, from: number, to: number): boolean {
  let sum = 0
  let double = false
  for (let i = to - 1; i >= from; i--) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) continue
    sum += double ? luhnDoubled(digit) : digit
    double = !double
  }
  return sum % 10 === 0
}

/** Returns the sum of the digits of twice a digit. */
export function luhnDoubled(digit: number): number {
  return digit > 4 ? digit * 2 - 9 : digit * 2
}

/** True for the number of a payment card, by its issuer, its length and its check digit. */
export function isCardNumber(digits: string): boolean {
  return hasIssuer(Number(digits.slice(0, 4)), digits.length) && passesLuhn(digits, 0, digits.length)
}

/** IBAN lengths by country, from the IBAN registry (SWIFT, release 99). */
const ibanLengths = (): ReadonlyMap<string, number> => new Map(
  Object.entries({
    15: 'NO', 16: 'BE', 18: 'DK FI FO GL NL SD FK', 19: 'MK SI', 20: 'AT BA EE KZ LT LU MN XK', 21: 'CH HR LI LV',
    22: 'BG BH CR DE GB GE IE ME RS VA', 23: 'AE GI IL IQ OM SO TL', 24: 'AD CZ ES MD PK RO SA SE SK TN VG',
    25: 'LY PT ST', 26: 'IS TR', 27: 'BI DJ FR GR IT MC MR SM', 28: 'AL AZ BY CY DO GT HN HU LB NI PL SV',
    29: 'BR EG PS QA UA', 30: 'JO KW MU YE', 31: 'MT SC', 32: 'LC', 33: 'RU',
  }).flatMap(([length, countries]) => countries.split(' ').map((country) => [country, Number(length)] as const)),
) // prettier-ignore

/** IBAN lengths, indexed by the positions of the two letters in the alphabet. */
const IBAN_LENGTH = /* @__PURE__ */ (() => {
  const lengths = new Uint8Array(32 * 32)
  for (const [country, length] of ibanLengths()) lengths[countryIndex(country, 0)] = length
  return lengths
})()

/**
 * Countries whose account numbers begin with at least two digits; the list after it has those that begin with four
 * letters, the code of the bank.
 */
const BEGINS_WITH_DIGITS =
  'AD AE AL AT BA BE BR CH CR CY CZ DE DK EE ES FI FO FR GL GR HR HU IL IS KZ LI LT LU MC ME MK MR NO PL PT RS SA SE SI ' +
  'SK TN TR UA XK'
const BEGINS_WITH_LETTERS = 'AZ BG BH GB GI IE IQ JO KW LC LV MT MU NL PK PS QA RO SC SV VG'
const IBAN_START = /* @__PURE__ */ (() => {
  const starts = new Uint8Array(32 * 32)
  for (const country of BEGINS_WITH_DIGITS.split(' ')) starts[countryIndex(country, 0)] = 1
  for (const country of BEGINS_WITH_LETTERS.split(' ')) starts[countryIndex(country, 0)] = 2
  return starts
})()

function countryIndex(text: string, at: number): number {
  return (text.charCodeAt(at) & 31) * 32 + (text.charCodeAt(at + 1) & 31)
}

/**
 * True when an account number of the country at `country` may begin at `at`. Rules out most words by the next two to
 * four characters.
 */
export function mayBeginAccount(text: string, country: number, at: number): boolean {
  const start = IBAN_START[countryIndex(text, country)]
  if (start === 0) return true
  for (let i = at; i < at + 2 * (start as number); i++) {
    const value = value97(text.charCodeAt(i))
    if (value > MAX_97 || value < 10 !== (start === 1)) return false
  }
  return true
}

/**
 * Returns the length of an IBAN that begins with the two letters at `at`, in either case; 0 when no country has them.
 */
export function ibanLength(text: string, at: number): number {
  const first = text.charCodeAt(at)
  const second = text.charCodeAt(at + 1)
  return isLatin(first) && isLatin(second) ? (IBAN_LENGTH[countryIndex(text, at)] as number) : 0
}

function isLatin(code: number): boolean {
  const lower = code | 32
  return code < 128 && lower >= 97 && lower <= 122
}

/** The greatest value of a character of an IBAN, that of `Z`. */
export const MAX_97 = 35
const VALUES_97 = /* @__PURE__ */ (() =>
  Uint8Array.from({ length: 128 }, (_, code) => {
    const character = String.fromCharCode(code)
    return /[0-9a-z]/i.test(character) ? Number.parseInt(character, 36) : 255
  }))()

/**
 * Returns the value of a digit or a letter in the check by MOD 97-10; more than {@link MAX_97} for any other
 * character.
 */
export function value97(code: number): number {
  return code < 128 ? (VALUES_97[code] as number) : 255
}

/**
 * Extends the number that ISO 7064 MOD 97-10 checks by one character. An IBAN is valid when its characters from the
 * fifth on, and then the first four, leave 1 (ISO 13616). The result is congruent to the remainder and smaller than
 * 10⁹: division is the expensive part, and few characters need one.
 */
export function extend97(rest: number, value: number): number {
  const small = rest < 10_000_000 ? rest : rest % 97
  return value < 10 ? small * 10 + value : small * 100 + value
}
