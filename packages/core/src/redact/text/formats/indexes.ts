// Names in brackets after a name, as forms nest them: `tokens[]`, `token[0]`, `user[password][first]`.
import { HARMLESS, SECRET_IN_QUERY } from '../../names/names.ts'
import { judgeSlice } from '../../names/name-book.ts'
import { RUN, classOf, escapedCode, escapedWidth, isDigit, readCharacter } from '../chars.ts'
import type { TextScan } from '../state.ts'

const LONGEST_NUMBER = 4
const LONGEST_WORD = 40

/**
 * Returns the end of an index after which the name before it still names the value: a number or nothing, as PHP and
 * Rails write lists, or a word after a secret name, since everything in such an object is secret. Returns -1 for any
 * other index.
 *
 * @param from The position after the opening bracket.
 * @param level The number of times it was percent-encoded.
 */
export function indexEnd(scan: TextScan, from: number, level: number): number {
  const { text, end } = scan
  let at = from
  while (at < end && at - from < LONGEST_NUMBER && isDigit(text.charCodeAt(at))) at++
  const closed = closedEnd(scan, at, level)
  if (closed >= 0) return closed
  while (at < end && at - from < LONGEST_WORD && classOf(text.charCodeAt(at)) === RUN) at++
  const behind = at > from ? closedEnd(scan, at, level) : -1
  if (behind < 0) return -1
  const verdict = judgeSlice(scan.names, text, scan.runFrom, scan.runTo)
  return verdict === HARMLESS || verdict === SECRET_IN_QUERY ? -1 : behind
}

function closedEnd({ text, end }: TextScan, at: number, level: number): number {
  if (at >= end) return -1
  const read = readCharacter(text, at, level)
  return escapedCode(read) === 93 ? at + escapedWidth(read) : -1
}
