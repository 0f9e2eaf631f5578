import { RUN, classOf } from '../chars.ts'

const COLON = 58
/** Characters of a name with its prefix, from its bracket. */
const LONGEST_NAME = 64

/** Where the name of an element ends whose bracket ends at `from`: `ns:apiKey`. */
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

/** Where the name begins without its prefix. */
export function localNameStart(text: string, from: number, to: number): number {
  let at = to
  while (at > from && text.charCodeAt(at - 1) !== COLON) at--
  return at
}
