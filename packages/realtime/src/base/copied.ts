import { tagOf } from './stamp.ts'

/**
 * What was given, as it is now: the application may go on with its objects. Values are as JSON has them; what it can't carry
 * stays, to be refused by who knows why, and so does what a copy would say otherwise: a Map, or a number of `JSON.rawJSON`.
 */
export const copied = <Values extends readonly unknown[]>(values: Values): Values =>
  values.map((value) => {
    try {
      if (value instanceof Uint8Array) return new Uint8Array(value)
      const text = JSON.stringify(value)
      const copy: unknown = JSON.parse(text)
      const isSame = (value as { toJSON?: unknown }).toJSON || tagOf(value) === tagOf(copy)
      return isSame && JSON.stringify(copy) === text ? copy : value
    } catch {
      return value
    }
  }) as unknown as Values
