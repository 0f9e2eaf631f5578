import { isDigit, isLetter } from './chars.ts'
import { hide, type TextScan } from './state.ts'

const EMAIL = '[email]'
const LONGEST_LOCAL = 64
const LONGEST_DOMAIN = 255
/** `logo@2x.png` and `parse@chunk.js` are files; none of these is a top-level domain. */
const FILE_ENDINGS: ReadonlySet<string> = new Set([
  'js', 'mjs', 'cjs', 'jsx', 'ts', 'tsx', 'mts', 'cts', 'css', 'png', 'jpg', 'jpeg', 'gif', 'webp', 'svg', 'json', 'html',
  'wasm', 'vue',
]) // prettier-ignore

/**
 * Hides the e-mail address around an `@`. Looks back 64 characters at most, which is what RFC 5321 allows, and forward
 * as far as a domain goes, where no further `@` can stand: linear in the text.
 *
 * @param width Characters that the `@` takes: 1, or more when it is percent-encoded.
 * @returns Where to go on.
 */
export function hideEmail(scan: TextScan, at: number, width: number): number {
  const from = localStart(scan, at)
  if (from === at) return at + width
  const to = domainEnd(scan, at + width)
  return to < 0 ? at + width : hide(scan, from, to, EMAIL)
}

function localStart(scan: TextScan, at: number): number {
  const { text } = scan
  const least = Math.max(scan.done, at - LONGEST_LOCAL, 0)
  if (at > least && text.charCodeAt(at - 1) === 34) {
    const quoted = text.slice(least, at - 1)
    const quote = quoted.lastIndexOf('"')
    return quote >= 0 && quote < quoted.length - 1 && !quoted.includes('\n', quote) ? least + quote : at
  }
  let from = at
  while (from > least && isLocal(text.charCodeAt(from - 1))) from--
  // `user%2Btag%40host`: the escape is part of the address, the escape of a delimiter is not.
  while (from < at && text.charCodeAt(from) === 46) from++
  if (from >= 1 && text.charCodeAt(from - 1) === 37 && at - from > 2 && isEscapedJoint(text, from)) {
    return Math.max(least, extendBack(text, from - 1, least))
  }
  return from
}

function isEscapedJoint(text: string, at: number): boolean {
  return (
    text.startsWith('2B', at) || text.startsWith('2b', at) || text.startsWith('2D', at) || text.startsWith('2E', at)
  )
}

function extendBack(text: string, from: number, least: number): number {
  let start = from
  while (start > least && isLocal(text.charCodeAt(start - 1))) start--
  return start
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
  return to - from >= 2 && isLetter(text.charCodeAt(from)) && isLetter(text.charCodeAt(from + 1))
}
