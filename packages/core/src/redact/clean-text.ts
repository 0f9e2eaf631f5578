import { MARKS, REDACTED, markWidth } from './marks.ts'
import type { Rules } from './rules.ts'
import { scanText } from './text/scan.ts'
import { NEVER } from './text/state.ts'

/** A secret that begins before the cut is seen as far as this behind it. */
const SLACK = 500
const CUT_MARK = /… \(\d{1,10} characters\)$/
const LONGEST_CUT_MARK = 32
/** Hiding one thing can make a secret of its neighbours; two passes are the rule, the bound is for hostile text. */
const MOST_PASSES = 5

/** How many characters the text rules will look at. */
export function scannedLength(input: string, max: number): number {
  return Math.min(input.length, max + SLACK)
}

/**
 * Hides what is secret in a text and cuts it to `max` characters. What is cut off is never looked at, except for a
 * little, so that a secret across the cut is hidden whole. A cut text ends with a mark that names its original length;
 * cleaning it again changes nothing.
 */
export function cleanText(rules: Rules, input: string, max: number): string {
  const earlier = earlierMark(input)
  const length = input.length - earlier.length
  if (length <= max) {
    const body = settle(rules, input.slice(0, length), earlier)
    return body.length > max ? cut(rules, body, max, earlier || markOf(input)) : body + earlier
  }
  return cut(rules, clean(rules, input.slice(0, Math.min(length, max + SLACK)), '', max + SLACK), max, markOf(input))
}

function earlierMark(input: string): string {
  if (!input.endsWith(' characters)')) return ''
  return CUT_MARK.exec(input.slice(-LONGEST_CUT_MARK))?.[0] ?? ''
}

function markOf(input: string): string {
  return `… (${input.length} characters)`
}

/** Cuts, and hides what only looks like a secret since the rest of it is gone. */
function cut(rules: Rules, text: string, max: number, mark: string): string {
  let body = text.slice(0, cutAt(text, max))
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const again = clean(rules, body, mark)
    if (again === body) break
    body = again.slice(0, cutAt(again, max))
  }
  return body + mark
}

/** Not through a mark, nor through a character of two units. */
function cutAt(text: string, max: number): number {
  if (text.length <= max) return text.length
  const open = text.lastIndexOf('[', max)
  if (open >= 0 && max - open < REDACTED.length && open + markWidth(text, open) > max) return open
  const code = text.charCodeAt(max - 1)
  return code >= 0xd800 && code <= 0xdbff ? max - 1 : max
}

/** Cleans until nothing changes. */
function settle(rules: Rules, text: string, mark: string): string {
  let body = text
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const again = clean(rules, body, mark)
    if (again === body) break
    body = again
  }
  return body
}

/** One pass over a text behind which a mark stands; ends early when there is `enough` of its result. */
function clean(rules: Rules, body: string, mark: string, enough: number = NEVER): string {
  const scanned = scanText(inOnePiece(body, mark), body.length, rules.names, rules.phrases, enough)
  const out = mark === '' ? scanned : scanned.slice(0, scanned.length - mark.length)
  return rules.patterns.reduce(applyPattern, out)
}

const LONG = 1000

/**
 * The text with the mark behind it. Engines keep what was cut or joined as a view of its parts, which costs at every
 * character that is read; what `join` returns has been copied.
 */
function inOnePiece(body: string, mark: string): string {
  return body.length < LONG ? body + mark : [body.slice(0, LONG), body.slice(LONG), mark].join('')
}

function applyPattern(text: string, pattern: RegExp): string {
  return text
    .split(MARKS)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(pattern, (match) => (match === '' ? '' : REDACTED))))
    .join('')
}
