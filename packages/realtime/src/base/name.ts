import { assertChoice, ValidationError } from '@msc/core'
import { CHANNEL } from '../phoenix/channel-prefix.ts'

/** Most bytes of a topic (its prefix included), an event or a presence key: a binary frame says each length in one byte. */
export const MAX_NAME_BYTES = 255

/** What a name has to be, for whoever sent one that is not. */
export const NAME_RULE: string = `at most ${MAX_NAME_BYTES} bytes of UTF-8, no NUL and no half of a character`

/**
 * Half of a surrogate pair, which UTF-8 has nothing for, so that all of them would be one name in a database; and NUL, which
 * Postgres takes in no text.
 */
const UNFIT = /\0|\p{Surrogate}/u

/** True for text that UTF-8 can say and a database takes, in no more bytes than its length can be said in. */
export const fitsName = (name: string): boolean =>
  // No text has fewer bytes than UTF-16 units, so a long one need not be encoded.
  name.length <= MAX_NAME_BYTES && Buffer.byteLength(name) <= MAX_NAME_BYTES && !UNFIT.test(name)

/** @throws ValidationError `REALTIME_NAME_TOO_LONG`, `REALTIME_NAME_INVALID` for half of a surrogate pair or a NUL. */
export function assertName(what: 'topic' | 'event', name: string): void {
  if (fitsName(name)) return
  if (UNFIT.test(name)) {
    const message = `The ${what} has half of a surrogate pair, or a NUL.`
    throw new ValidationError(`[msc/realtime] ${message}`, [{ path: what, message }], {
      code: 'REALTIME_NAME_INVALID',
      hint: 'Cut text between characters, as `Array.from` does, and not between the units of UTF-16; take U+0000 out.',
    })
  }
  const message = `The ${what} has more than ${MAX_NAME_BYTES} bytes.`
  throw new ValidationError(`[msc/realtime] ${message}`, [{ path: what, message }], {
    code: 'REALTIME_NAME_TOO_LONG',
    hint: 'Choose a shorter name: 255 bytes of UTF-8 at most, `realtime:` before a topic included.',
  })
}

/** What an application names a topic or an event by: JavaScript hands on what TypeScript would not. @throws As `assertName`. */
export function assertGiven(what: 'topic' | 'event', name: unknown): void {
  if (typeof name === 'string' && name !== '') return assertName(what, what === 'topic' ? CHANNEL + name : name)
  const message = `The ${what} is missing.`
  throw new ValidationError(`[msc/realtime] ${message}`, [{ path: what, message }], {
    code: 'REALTIME_NAME_INVALID',
    hint: 'Pass the name, as text that is not empty.',
  })
}

/**
 * Refuses a place that leaves open what it is: a public topic and a private one of the same name are two.
 *
 * @throws As `assertGiven`; ConfigError `OPTION_INVALID` for a `private` that is neither true nor false.
 */
export function assertPlace(place: { readonly topic: unknown; readonly private: unknown }): void {
  assertGiven('topic', place.topic)
  assertChoice('realtime', 'private', place.private, [true, false])
}
