// Words, numbers and tokens: the rules that are tried at every run of name characters.
import { RUN, classOf, isDigit, isWord } from './chars.ts'
import { hideRow } from './markup/markup.ts'
import { hideCard, hideIban, mayBeIban } from './tokens/numbers.ts'
import { SHORTEST_TOKEN, hideOpaque } from './tokens/opaque.ts'
import { hidePrivateKey } from './tokens/pem.ts'
import { hideAfterName, hideFlag, hideScheme, mayLead, spaceFollows } from './formats/phrases.ts'
import type { TextScan } from './state.ts'
import { hideRejected, mayReject } from './formats/validators.ts'
import { SHORTEST_HOST, hideWebhook, mayBeWebhook } from './tokens/urls.ts'
import { hideNextArgument } from './formats/yaml-arguments.ts'

/** Reads a run of name characters and tries the rules that begin with one. Returns the position to continue at. */
export function readRun(scan: TextScan, from: number, before: number): number {
  const { text, end } = scan
  const to = runEnd(text, from + 1, end)
  // Some programs write a quote inside JSON as `\u0022`.
  if (before === 92 && to - from >= 5 && text.startsWith('u0022', from)) return to - from === 5 ? to : from + 5
  // Two words with one space between them may be one name.
  scan.previousFrom = (before === 32 || before === 43) && scan.named && isOneGap(scan, from) ? scan.runFrom : -1
  scan.runFrom = from
  scan.runTo = to
  scan.before = before
  scan.named = true
  const next = hideRun(
    scan,
    before === 92 && to - from > 1 && isEscapeLetter(text.charCodeAt(from)) ? from + 1 : from,
    to,
  )
  if (next < 0) return to
  scan.named = false
  return next
}

function runEnd(text: string, from: number, end: number): number {
  let to = from
  while (to < end && classOf(text.charCodeAt(to)) === RUN) to++
  return to
}

/** True for a single space or `+`, raw or encoded. */
function isOneGap({ text, runTo }: TextScan, from: number): boolean {
  return (
    from - runTo === 1 || (text.charCodeAt(runTo) === 37 && from - runTo <= LONGEST_ESCAPE && (from - runTo) % 2 === 1)
  )
}

const LONGEST_ESCAPE = 9

/** True for the letters of `\n`, `\r` and `\t`, which JSON puts right before the next word. */
function isEscapeLetter(code: number): boolean {
  return code === 110 || code === 114 || code === 116
}

function hideRun(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const length = to - from
  const first = text.charCodeAt(from)
  if (isDigit(first)) {
    if (length === 4 || length >= 14) {
      const next = hideCard(scan, from, to)
      if (next >= 0) return next
    }
  } else if (mayBeIban(text, from, to)) {
    const next = hideIban(scan, from, to)
    if (next >= 0) return next
  }
  if (length >= SHORTEST_HOST && mayBeWebhook(text, to)) {
    const next = hideWebhook(scan, from, to)
    if (next >= 0) return next
  }
  if (length >= SHORTEST_TOKEN) return hideLongRun(scan, from, to)
  if (first === 45) return hideDashes(scan, from, to)
  if (length === 6 && (first | 32) === 118) {
    return isWord(text, from, to, 'values') ? hideRow(scan, from, to) : -1
  }
  return mayLead(first | 32, length) && spaceFollows(scan, to) ? hideAfterWord(scan, from, to, first | 32) : -1
}

function hideLongRun(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const next = hideOpaque(scan, from, to)
  if (next >= 0) return next
  return text.endsWith('-----BEGIN', to) ? hidePrivateKey(scan, from, to) : hideDashes(scan, from, to)
}

function hideDashes(scan: TextScan, from: number, to: number): number {
  if (scan.text.charCodeAt(from) !== 45) return -1
  if (to - from === 10 && scan.text.endsWith('-----BEGIN', to)) return hidePrivateKey(scan, from, to)
  return spaceFollows(scan, to) ? hideFlag(scan, from, to) : hideNextArgument(scan, from, to)
}

/** Hides secrets that follow a word rather than a separator. */
function hideAfterWord(scan: TextScan, from: number, to: number, first: number): number {
  if (mayReject(first, to - from)) return hideRejected(scan, from, to)
  // bearer, basic
  return first === 98 && to - from > 2 ? hideScheme(scan, from, to) : hideAfterName(scan, from, to)
}
