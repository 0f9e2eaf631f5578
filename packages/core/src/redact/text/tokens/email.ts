import { escapedCode, escapedWidth, highEscapeWidth, isDigit, isLetter, readEscape } from '../chars.ts'
import { EMAIL } from '../../marks.ts'
import { hide, type TextScan } from '../state.ts'

/** RFC 5321 allows 64 characters; encoded ones take up to five times that. */
const LONGEST_LOCAL = 320
const LONGEST_DOMAIN = 255
/** `logo@2x.png` and `parse@chunk.js` are files; none of these is a top-level domain. */
const FILE_ENDINGS: ReadonlySet<string> = new Set([
  'js', 'mjs', 'cjs', 'jsx', 'ts', 'tsx', 'mts', 'cts', 'css', 'png', 'jpg', 'jpeg', 'gif', 'webp', 'svg', 'json', 'html',
  'wasm', 'vue',
]) // prettier-ignore

/**
 * Hides the e-mail address around an `@`. Looks back to the previous `@` at most, and forward to the end of the domain,
 * which can hold no further `@`: linear in the text.
 *
 * @param width The number of characters that the `@` takes: 1, or more when it is percent-encoded.
 * @returns The position to continue at.
 */
export function hideEmail(scan: TextScan, at: number, width: number): number {
  // The domain comes first, because most text around an `@` that is not an address has none.
  const to = domainEnd(scan, at + width)
  const from = to < 0 ? at : localStart(scan, at)
  scan.atEnd = at + width
  return from === at ? at + width : hide(scan, from, to, EMAIL)
}

function localStart(scan: TextScan, at: number): number {
  const { text } = scan
  const earliest = Math.max(scan.done, scan.atEnd, at - LONGEST_LOCAL)
  if (at > earliest && text.charCodeAt(at - 1) === 34) {
    const quoted = text.slice(earliest, at - 1)
    const quote = quoted.lastIndexOf('"')
    return quote >= 0 && quote < quoted.length - 1 && !quoted.includes('\n', quote) ? earliest + quote : at
  }
  let from = at
  let escaped = false
  while (from > earliest && (isLocal(text.charCodeAt(from - 1)) || text.charCodeAt(from - 1) === 37)) {
    from--
    if (text.charCodeAt(from) === 37) escaped = true
  }
  return escaped ? afterDelimiters(text, from, at) : skipDots(text, from, at)
}

/** Returns where the address begins in encoded text: `%2B` belongs to it, `%3D` ends what precedes it. */
function afterDelimiters(text: string, first: number, at: number): number {
  let from = first
  for (let i = first; i < at; i++) {
    if (text.charCodeAt(i) !== 37) continue
    const escape = readEscape(text, i)
    if (escape === 0) continue
    if (!isLocal(escapedCode(escape))) from = i + escapedWidth(escape)
    i += escapedWidth(escape) - 1
  }
  return skipDots(text, Math.min(from, at), at)
}

/** Returns the position after leading dots, and after the letter of an escaped line break (`\nana@…`). */
function skipDots(text: string, first: number, at: number): number {
  let from = first
  if (text.charCodeAt(first - 1) === 92 && isBreakLetter(text.charCodeAt(first))) from++
  while (from < at && text.charCodeAt(from) === 46) from++
  return from
}

function isBreakLetter(code: number): boolean {
  return code === 110 || code === 114 || code === 116
}

function isLocal(code: number): boolean {
  return isLetter(code) || isDigit(code) || code === 95 || code === 43 || code === 45 || code === 46
}

function domainEnd(scan: TextScan, from: number): number {
  const { text } = scan
  const limit = Math.min(scan.end, from + LONGEST_DOMAIN)
  let label = from
  let dots = 0
  let end = -1
  for (let i = from; ; i++) {
    const code = i < limit ? text.charCodeAt(i) : 0
    if (isLetter(code) || isDigit(code) || code === 45) continue
    const escaped = code === 37 ? highEscapeWidth(text, i) : 0
    if (escaped > 0) {
      i += escaped - 1
      continue
    }
    if (i === label) break
    if (dots > 0 && isTopLevel(text, label, i)) end = i
    if (code !== 46) {
      if (end === i && FILE_ENDINGS.has(text.slice(label, i).toLowerCase())) return -1
      break
    }
    dots++
    label = i + 1
  }
  return end
}

function isTopLevel(text: string, from: number, to: number): boolean {
  if (to - from < 2) return false
  if (text.charCodeAt(from) === 37) return true
  return isLetter(text.charCodeAt(from)) && isLetter(text.charCodeAt(from + 1))
}
