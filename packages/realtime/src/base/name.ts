import { ValidationError } from '@msc/core'

/** Most bytes of a topic (its prefix included), an event or a presence key: a binary frame says each length in one byte. */
export const MAX_NAME_BYTES = 255

/** Half of a surrogate pair, which UTF-8 has nothing for: all of them would be one name in a database. */
const HALF = /\p{Surrogate}/u

/** True for text that UTF-8 can say, in no more bytes than its length can be said in. */
export const fitsName = (name: string): boolean =>
  // No text has fewer bytes than UTF-16 units, so a long one need not be encoded.
  name.length <= MAX_NAME_BYTES && Buffer.byteLength(name) <= MAX_NAME_BYTES && !HALF.test(name)

/** @throws ValidationError `REALTIME_NAME_TOO_LONG`, `REALTIME_NAME_INVALID` for half of a surrogate pair. */
export function assertName(what: 'topic' | 'event', name: string): void {
  if (fitsName(name)) return
  if (HALF.test(name)) {
    const message = `The ${what} has half of a surrogate pair.`
    throw new ValidationError(`[msc/realtime] ${message}`, [{ path: what, message }], {
      code: 'REALTIME_NAME_INVALID',
      hint: 'Cut text between characters, as `Array.from` does, and not between the units of UTF-16.',
    })
  }
  const message = `The ${what} has more than ${MAX_NAME_BYTES} bytes.`
  throw new ValidationError(`[msc/realtime] ${message}`, [{ path: what, message }], {
    code: 'REALTIME_NAME_TOO_LONG',
    hint: 'Choose a shorter name: 255 bytes of UTF-8 at most, `realtime:` before a topic included.',
  })
}
