import { RUN, classOf } from '../chars.ts'

const COLON = 58
/** The longest name that is read, in characters and with its prefix. */
const LONGEST_NAME = 64

/** Returns the end of the element name that begins at `from`, right after its bracket: `ns:apiKey`. */
export function elementNameEnd(text: string, from: number, end: number): number {
  let to = from
  while (
    to < end &&
    to - from < LONGEST_NAME &&
    (classOf(text.charCodeAt(to)) === RUN || text.charCodeAt(to) === COLON)
  )
    to++
  return to
}

/** Returns where the name begins without its prefix. */
export function localNameStart(text: string, from: number, to: number): number {
  let at = to
  while (at > from && text.charCodeAt(at - 1) !== COLON) at--
  return at
}
