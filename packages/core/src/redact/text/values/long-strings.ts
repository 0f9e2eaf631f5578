// Strings of several lines: `"""…"""` of Python and TOML, and here-documents of shells and Terraform.
import { REDACTED } from '../../marks.ts'
import { classOf, isQuote, isSpace, RUN } from '../chars.ts'
import { backslashesAt, breakWidth, lineEnd } from '../lines.ts'
import { hide, type TextScan } from '../state.ts'

/**
 * Hides a string of several lines.
 *
 * @returns The position to continue at, or -1 when none begins at `from`.
 */
export function hideLongString(scan: TextScan, from: number): number {
  const code = scan.text.charCodeAt(from)
  if (code === 60) return scan.text.charCodeAt(from + 1) === 60 ? hideHereDocument(scan, from + 2) : -1
  if (code !== scan.text.charCodeAt(from + 1) || code !== scan.text.charCodeAt(from + 2)) return -1
  return isQuote(code) ? hideTripled(scan, from + 3) : -1
}

/**
 * Hides a string in three quotes. In CSV, three quotes may begin a value that itself begins with a quote; then no three
 * close it on the same line.
 */
function hideTripled(scan: TextScan, from: number): number {
  const { text, end } = scan
  const lines = breakWidth(text, from) > 0
  const code = text.charCodeAt(from - 1)
  let closing = from
  // The break is looked for on the way, since a line may hold many such strings.
  while (closing < end && !isTripled(text, closing, code)) {
    if (!lines && breakWidth(text, closing) > 0) return -1
    closing++
  }
  if (closing >= end && !lines) return -1
  return hideContent(scan, from, closing)
}

function isTripled(text: string, at: number, code: number): boolean {
  return text.charCodeAt(at) === code && text.charCodeAt(at + 1) === code && text.charCodeAt(at + 2) === code
}

/** Hides a here-document: `<<EOT`, `<<-EOT`, `<<~EOT` or `<<'EOT'`, up to a line that holds only the word. */
function hideHereDocument(scan: TextScan, from: number): number {
  const { text, end } = scan
  let start = from
  const sign = text.charCodeAt(start)
  if (sign === 45 || sign === 126) start++
  const quoted = isQuote(text.charCodeAt(start))
  if (quoted) start++
  let to = start
  while (to < end && to - start < LONGEST_WORD && classOf(text.charCodeAt(to)) === RUN) to++
  const first = to
  const word = text.slice(start, to)
  if (quoted && text.charCodeAt(to) === text.charCodeAt(start - 1)) to++
  if (word === '' || breakWidth(text, to) === 0) return -1
  const backslashes = backslashesAt(text, to)
  let at = to
  while (at < end) {
    const width = breakWidth(text, at)
    if (width === 0) break
    let line = at + width
    while (line < end && isSpace(text.charCodeAt(line))) line++
    if (text.startsWith(word, line) && classOf(text.charCodeAt(line + word.length)) !== RUN) break
    at = lineEnd(text, line, end, backslashes)
  }
  return at > first ? hideContent(scan, to, at) : to
}

const LONGEST_WORD = 40

/** Hides the content without the breaks and spaces around it, unless it was hidden before. */
function hideContent(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  let start = from
  for (let width = breakWidth(text, start); width > 0 && start < to; width = breakWidth(text, start)) start += width
  while (start < to && isSpace(text.charCodeAt(start))) start++
  let stop = to
  while (stop > start && text.charCodeAt(stop - 1) <= 32) stop--
  if (stop <= start) return to
  if (stop - start === REDACTED.length && text.startsWith(REDACTED, start)) return to
  hide(scan, start, stop, REDACTED)
  return to
}
