import type { NameBook } from '../names/name-book.ts'
import type { Verdict } from '../names/names.ts'
import type { GroupChain } from './tokens/group-chain.ts'
import type { SignIn } from './values/scalar-lists.ts'
import type { Slot } from './slots.ts'
import { skipStrings, type Strings } from './strings.ts'

/** Behind the end of any text. A small integer like all positions, which engines keep without a box. */
export const NEVER = 0x3fff_ffff

/** In place of where the next part begins: there is enough. Every position is behind it, so no loop asks twice. */
export const ENOUGH = 0

/** Verdicts on values, by the positions of their separators. */
export type Verdicts = ReadonlyMap<number, Verdict>

/** One pass over one string. Rules read it, hide spans from left to right, and say where to go on. */
export interface TextScan {
  readonly text: string
  /** Where the text ends; a mark of an earlier cut stands behind it. */
  readonly end: number
  readonly names: NameBook
  readonly phrases: NameBook
  /** What is finished, up to `done`. */
  out: string
  done: number
  /** How much output is enough: what comes behind it will be cut off. */
  readonly enough: number
  /** The last run of name characters, the character before it, and where a run ends that one space parts from it. */
  runFrom: number
  runTo: number
  before: number
  previousFrom: number
  /** Does nothing but quotes, brackets and spaces follow the last run so far? Then it names what a separator brings. */
  named: boolean
  /** Position of the next digit or capital, found once for all who ask. */
  strongAt: number
  strongFrom: number
  /** No `@` stands between where somebody looked and here; one for each of the levels of percent-encoding. */
  readonly noAtUntil: number[]
  /** The same behind a sign that ends other URLs. */
  noOddAtUntil: number
  /** The next `@` in plain characters, found once for all who ask before it. */
  nextAt: number
  /** Behind the last `@` that was looked at. */
  atEnd: number
  /** How many braces are open, and what is known of the object that each opened. */
  depth: number
  readonly slots: (Slot | undefined)[]
  /** How many values in the wanted part of the result may yet be described by a label. */
  awaited: number
  /** The verdicts on values whose label follows them, by their separators: of the pass before, and of this one. */
  readonly known: Verdicts | undefined
  found: Map<number, Verdict> | undefined
  /** The strings of the object that is open, up to where they were read, and those of the objects around it. */
  strings: Strings
  stringsAt: number
  readonly outer: Strings[]
  /** The row of groups of four that could be parts of an IBAN. Most texts have none. */
  chain: GroupChain | undefined
  /** Up to here, names and values take turns in a list. */
  pairsUntil: number
  /** What stands behind an argument that signs in, in the list of arguments that was met last. */
  signIn: SignIn | undefined
  /** Up to where lists were read for the first time, for the second, and so on. */
  readonly listsUntil: number[]
  /** Where the value of a secret part of a multipart body begins; ENOUGH once the pass may end. */
  partFrom: number
  /** The blank line that somebody looked for last: from where, and its end. */
  blankFrom: number
  blankEnd: number
  /** The end of the line that somebody looked for last, from where, and how often its characters were encoded. */
  lineFrom: number
  lineEnd: number
  lineLevel: number
  /** From here on, no CDATA section ends. */
  noSectionEndFrom: number
}

export function createTextScan(
  text: string,
  end: number,
  names: NameBook,
  phrases: NameBook,
  enough: number,
  known: Verdicts | undefined,
): TextScan {
  return {
    text,
    end,
    names,
    phrases,
    out: '',
    done: 0,
    enough,
    runFrom: 0,
    runTo: 0,
    before: 0,
    previousFrom: -1,
    named: false,
    strongAt: -1,
    strongFrom: 0,
    noAtUntil: [-1, -1, -1, -1, -1],
    noOddAtUntil: -1,
    nextAt: -1,
    atEnd: 0,
    depth: 0,
    slots: [],
    awaited: 0,
    known,
    found: undefined,
    strings: 0,
    stringsAt: 0,
    outer: [],
    chain: undefined,
    pairsUntil: -1,
    signIn: undefined,
    listsUntil: [],
    partFrom: NEVER,
    blankFrom: 0,
    blankEnd: -1,
    lineFrom: 0,
    lineEnd: -1,
    lineLevel: -1,
    noSectionEndFrom: NEVER,
  }
}

/** Replaces a span by a mark, less what is hidden already. Returns the end of the span. */
export function hide(scan: TextScan, from: number, to: number, mark: string): number {
  const start = Math.max(from, scan.done)
  if (to <= start) return Math.max(to, scan.done)
  if (scan.depth > 0) skipStrings(scan, start, to)
  scan.out += scan.text.slice(scan.done, start) + mark
  scan.done = to
  if (scan.out.length >= scan.enough) scan.partFrom = ENOUGH
  return to
}

/**
 * Does the span hold a digit or a capital? Amortised over the text, since the position found is kept, with where the
 * search for it began.
 */
export function holdsDigitOrCapital(scan: TextScan, from: number, to: number): boolean {
  if (from < scan.strongFrom) {
    const near = nextStrong(scan.text, from, scan.strongFrom)
    if (near < scan.strongFrom) scan.strongAt = near
    scan.strongFrom = from
  } else if (scan.strongAt < from) {
    scan.strongFrom = from
    scan.strongAt = nextStrong(scan.text, from, scan.end)
  }
  return scan.strongAt < to
}

function nextStrong(text: string, from: number, end: number): number {
  let at = from
  while (at < end && !isStrong(text.charCodeAt(at))) at++
  return at
}

function isStrong(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90)
}

/** What stood before is no name of what follows. */
export function closeName(scan: TextScan, at: number): number {
  scan.named = false
  return at
}
