/**
 * Is this the number of a payment card? By the issuer's prefix and length (ISO/IEC 7812) and the check digit, so that
 * barcodes, times in milliseconds and 64-bit ids of other lengths or beginnings are left alone.
 *
 * @param digits Digits alone, without separators.
 */
export function isCardNumber(digits: string): boolean {
  return hasIssuer(digits) && passesLuhn(digits)
}

function hasIssuer(digits: string): boolean {
  const two = Number(digits.slice(0, 2))
  const three = Number(digits.slice(0, 3))
  const four = Number(digits.slice(0, 4))
  switch (digits.length) {
    case 14: // Diners Club
      return two === 36 || two === 38 || two === 39 || (three >= 300 && three <= 305)
    case 15: // American Express
      return two === 34 || two === 37
    case 16:
      return (
        digits.charCodeAt(0) === 52 || // Visa
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

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0
  let double = false
  for (let i = digits.length - 1; i >= 0; i--) {
    const value = (digits.charCodeAt(i) - 48) * (double ? 2 : 1)
    sum += value > 9 ? value - 9 : value
    double = !double
  }
  return sum % 10 === 0
}

/** Lengths of the IBAN registry (SWIFT, release 99), by country. */
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    15: 'NO', 16: 'BE', 18: 'DK FI FO GL NL SD FK', 19: 'MK SI', 20: 'AT BA EE KZ LT LU MN XK', 21: 'CH HR LI LV',
    22: 'BG BH CR DE GB GE IE ME RS VA', 23: 'AE GI IL IQ OM SO TL', 24: 'AD CZ ES MD PK RO SA SE SK TN VG',
    25: 'LY PT ST', 26: 'IS TR', 27: 'BI DJ FR GR IT MC MR SM', 28: 'AL AZ BY CY DO GT HN HU LB NI PL SV',
    29: 'BR EG PS QA UA', 30: 'JO KW MU YE', 31: 'MT SC', 32: 'LC', 33: 'RU',
  }).flatMap(([length, countries]) => countries.split(' ').map((country) => [country, Number(length)] as const)),
) // prettier-ignore

/** How long an IBAN is that begins with this country, or 0 when the country has none. */
export function ibanLength(country: string): number {
  return IBAN_LENGTHS.get(country) ?? 0
}

/**
 * ISO 7064 MOD 97-10, after the first four characters have moved to the end (ISO 13616).
 *
 * @param iban Upper case, without spaces.
 */
export function passesMod97(iban: string): boolean {
  let rest = 0
  for (let i = 0; i < iban.length; i++) {
    const code = iban.charCodeAt((i + 4) % iban.length)
    if (code >= 48 && code <= 57) rest = (rest * 10 + code - 48) % 97
    else if (code >= 65 && code <= 90) rest = (rest * 100 + code - 55) % 97
    else return false
  }
  return rest === 1
}
