// XML elements inside XML or HTML: `&lt;password&gt;…&lt;/password&gt;`.
import { HARMLESS, SECRET_IN_QUERY } from '../../names/names.ts'
import { judgeSlice } from '../../names/name-book.ts'
import { REDACTED } from '../../marks.ts'
import { elementNameEnd, localNameStart } from './element-names.ts'
import { hidePrivateKey } from '../tokens/pem.ts'
import { hide, type TextScan } from '../state.ts'

const OPEN = '&lt;'
const CLOSE = '&gt;'
const LONGEST_TAG = 256

/**
 * Hides the content of an element whose name is secret and whose brackets are written as entities.
 *
 * @param at The position of the `&`.
 * @returns The position to continue at, or -1 when there is no such element, or its tag does not end.
 */
export function hideEscapedElement(scan: TextScan, at: number): number {
  const { text, end } = scan
  if (text.charCodeAt(at + 1) !== 108 || !text.startsWith(OPEN, at)) return -1
  const to = elementNameEnd(text, at + OPEN.length, end)
  const nameFrom = localNameStart(text, at + OPEN.length, to)
  if (to === nameFrom) return -1
  const verdict = judgeSlice(scan.names, text, nameFrom, to)
  if (verdict === HARMLESS || verdict === SECRET_IN_QUERY) return -1
  const tagEnd = text.slice(to, to + LONGEST_TAG).search(TAG_END)
  if (tagEnd < 0 || !text.startsWith(CLOSE, to + tagEnd)) return -1
  const from = to + tagEnd + CLOSE.length
  const close = text.indexOf(OPEN, from)
  if (close >= 0 && close <= end) return hide(scan, from, close, REDACTED)
  // The log was cut. A PEM key is more than its first word.
  const key = text.startsWith(PEM, from) ? hidePrivateKey(scan, from, from + PEM.length) : -1
  return key >= 0 ? key : hide(scan, from, firstWordEnd(scan, from), REDACTED)
}

const PEM = '-----BEGIN'
const TAG_END = /&[lg]t;/

function firstWordEnd({ text, end }: TextScan, from: number): number {
  let to = from
  while (to < end && text.charCodeAt(to) > 32 && text.charCodeAt(to) !== 60) to++
  return to
}
