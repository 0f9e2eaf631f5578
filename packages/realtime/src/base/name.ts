import { ValidationError } from '@msc/core'

/** Most bytes of a topic (its prefix included), an event or a presence key: a binary frame says each length in one byte. */
export const MAX_NAME_BYTES = 255

/** True for text whose UTF-8 is no longer than its length can be said. */
export const fitsName = (name: string): boolean =>
  // No text has fewer bytes than UTF-16 units, so a long one need not be encoded.
  name.length <= MAX_NAME_BYTES && Buffer.byteLength(name) <= MAX_NAME_BYTES

/** @throws ValidationError `REALTIME_NAME_TOO_LONG` */
export function assertName(what: 'topic' | 'event', name: string): void {
  if (fitsName(name)) return
  const message = `The ${what} has more than ${MAX_NAME_BYTES} bytes.`
  throw new ValidationError(`[msc/realtime] ${message}`, [{ path: what, message }], {
    code: 'REALTIME_NAME_TOO_LONG',
    hint: 'Choose a shorter name: 255 bytes of UTF-8 at most, `realtime:` before a topic included.',
  })
}
