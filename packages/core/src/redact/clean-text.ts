import { MARKS, REDACTED, markWidth } from './marks.ts'
import type { Rules } from './rules.ts'
import { scanText } from './text/scan.ts'
import { NEVER } from './text/state.ts'

/** The number of characters after the cut that are still scanned, so that a secret across the cut is recognised. */
const SLACK = 500
const CUT_MARK = /… \(\d{1,10} characters\)$/
const LONGEST_CUT_MARK = 32
/**
 * Hiding one span can turn its neighbours into a secret, so passes repeat. Most text needs two; the bound is for
 * hostile text.
 */
const MAX_PASSES = 5

/** Returns how many characters of a text the rules scan. */
export function scannedLength(input: string, max: number): number {
  return Math.min(input.length, max + SLACK)
}

/**
 * Hides the secrets in a text and cuts it to `max` characters. Text after the cut is not scanned, except for a short
 * stretch, so that a secret across the cut is hidden whole. A cut text ends with a mark that gives its original length;
 * cleaning it again changes nothing.
 */
export function cleanText(rules: Rules, input: string, max: number): string {
  const earlier = earlierMark(input)
  const length = input.length - earlier.length
  if (length <= max) {
    const body = cleanUntilStable(rules, input.slice(0, length), earlier)
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

/** Cuts the text, then cleans it again: without its rest, the end may look like a secret that it was not before. */
function cut(rules: Rules, text: string, max: number, mark: string): string {
  let body = text.slice(0, cutAt(text, max))
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const again = clean(rules, body, mark)
    if (again === body) break
    body = again.slice(0, cutAt(again, max))
  }
  return body + mark
}

/** Returns where to cut: never inside a mark, nor between the two halves of a surrogate pair. */
function cutAt(text: string, max: number): number {
  if (text.length <= max) return text.length
  const open = text.lastIndexOf('[', max)
  if (open >= 0 && max - open < REDACTED.length && open + markWidth(text, open) > max) return open
  const code = text.charCodeAt(max - 1)
  return code >= 0xd800 && code <= 0xdbff ? max - 1 : max
}

/** Cleans until a pass changes nothing, within {@link MAX_PASSES}. */
function cleanUntilStable(rules: Rules, text: string, mark: string): string {
  let body = text
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const again = clean(rules, body, mark)
    if (again === body) break
    body = again
  }
  return body
}

/** Runs one pass over a text that `mark` follows. Ends early once there are `enough` characters of output. */
function clean(rules: Rules, body: string, mark: string, enough: number = NEVER): string {
  const scanned = scanText(flatten(body, mark), body.length, rules.names, rules.phrases, enough)
  const out = mark === '' ? scanned : scanned.slice(0, scanned.length - mark.length)
  return rules.patterns.reduce(applyPattern, out)
}

const LONG = 1000

/**
 * Returns the text followed by the mark, as a flat string. Engines keep slices and concatenations as views of their
 * parts, which makes reading each character slower; `join` returns a copy.
 */
function flatten(body: string, mark: string): string {
  return body.length < LONG ? body + mark : [body.slice(0, LONG), body.slice(LONG), mark].join('')
}

function applyPattern(text: string, pattern: RegExp): string {
  return text
    .split(MARKS)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(pattern, (match) => (match === '' ? '' : REDACTED))))
    .join('')
}
