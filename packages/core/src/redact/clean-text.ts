import { REDACTED } from './options.ts'
import type { Rules } from './rules.ts'
import { scanText } from './text/scan.ts'

/** A secret that begins before the cut is seen as far as this behind it. */
const SLACK = 500
const MARK = /… \(\d{1,10} characters\)$/
const LONGEST_MARK = 32
/** What rules leave behind; patterns of a caller do not look inside. */
const MARKS = /(\[(?:redacted|email|card|iban|cut)\])/

/** How many characters the text rules will look at. */
export function scannedLength(input: string, max: number): number {
  return Math.min(input.length, max + SLACK)
}

/**
 * Hides what is secret in a text and cuts it to `max` characters, in this order: what is cut off is never looked at,
 * except for a little, so that a secret across the cut is hidden whole. A cut text ends with a mark that names its
 * original length; cleaning it again changes nothing.
 */
export function cleanText(rules: Rules, input: string, max: number): string {
  const earlier = earlierMark(input)
  const length = input.length - earlier.length
  if (length <= max) {
    const out = clean(rules, input, length)
    const grown = out.length - earlier.length > max
    return grown ? cut(rules, out.slice(0, out.length - earlier.length), max, earlier || markOf(input)) : out
  }
  const seen = length > max + SLACK ? input.slice(0, max + SLACK) : input.slice(0, length)
  return cut(rules, clean(rules, seen, seen.length), max, markOf(input))
}

function earlierMark(input: string): string {
  if (!input.endsWith(' characters)')) return ''
  return MARK.exec(input.slice(-LONGEST_MARK))?.[0] ?? ''
}

function markOf(input: string): string {
  return `… (${input.length} characters)`
}

function cut(rules: Rules, text: string, max: number, mark: string): string {
  let body = text.length > max ? text.slice(0, cutAt(text, max)) : text
  // What the cut left of a longer text may now look like a secret of its own, which the next reader would hide.
  for (let i = 0; i < 3; i++) {
    const again = clean(rules, body + mark, body.length).slice(0, -mark.length)
    if (again === body) break
    body = again.length > max ? again.slice(0, cutAt(again, max)) : again
  }
  return body + mark
}

/** Not through a mark, nor through a character of two units. */
function cutAt(text: string, max: number): number {
  const open = text.lastIndexOf('[', max)
  if (open >= 0 && max - open < REDACTED.length) {
    const mark = MARKS.exec(text.slice(open, open + REDACTED.length))
    if (mark?.index === 0 && open + mark[0].length > max) return open
  }
  const code = text.charCodeAt(max - 1)
  return code >= 0xd800 && code <= 0xdbff ? max - 1 : max
}

function clean(rules: Rules, text: string, end: number): string {
  const out = scanText(text, end, rules.names, rules.phrases)
  if (rules.patterns.length === 0) return out
  return out
    .split(MARKS)
    .map((part, index) => (index % 2 === 1 ? part : applyPatterns(rules.patterns, part)))
    .join('')
}

function applyPatterns(patterns: readonly RegExp[], text: string): string {
  let out = text
  for (const pattern of patterns) out = out.replace(pattern, (match) => (match === '' ? '' : REDACTED))
  return out
}
