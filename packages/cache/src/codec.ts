import { parse, stringify } from 'devalue'
import { ValidationError } from '@msc/core'

// The first character is the format, so that a later one can live beside it while a deployment rolls out.
const FORMAT = '1'
/** Plain JSON: for what it can express it is several times as fast to read. */
export const JSON_FORMAT = 'J'

/**
 * A value as a string. Keeps Date, Map, Set, BigInt, typed arrays, `NaN`, `-0`, cycles and repeated references.
 *
 * @throws ValidationError for `undefined`, functions, symbols and class instances, which no reader could get back.
 */
export function encode(value: unknown): string {
  if (value === undefined) {
    throw new ValidationError('[msc/cache] undefined can not be cached.', [], { code: 'CACHE_VALUE_UNDEFINED' })
  }
  try {
    return FORMAT + stringify(value)
  } catch (cause) {
    throw new ValidationError('[msc/cache] The value can not be serialised.', [], {
      code: 'CACHE_VALUE_UNSERIALISABLE',
      hint: 'Cache plain data: functions, symbols and class instances have no form a reader could get back.',
      cause,
    })
  }
}

export type Decoded = { readonly ok: true; readonly value: unknown } | { readonly ok: false }

/** @param value Plain data that JSON gives back as it was: `isolate` says so. */
export function encodeJson(value: unknown): string {
  return JSON_FORMAT + JSON.stringify(value)
}

/** A fresh copy of the value. Text that this codec did not write is not an error but a miss. */
export function decode(text: string): Decoded {
  const format = text[0]
  if (format !== FORMAT && format !== JSON_FORMAT) return { ok: false }
  try {
    const rest = text.slice(1)
    return { ok: true, value: format === FORMAT ? parse(rest) : JSON.parse(rest) }
  } catch {
    return { ok: false }
  }
}
