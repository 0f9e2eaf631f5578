import type { NameBook } from '../names/name-book.ts'
import type { Verdict } from '../names/names.ts'
import type { GroupChain } from './tokens/group-chain.ts'
import type { SignIn } from './values/scalar-lists.ts'
import type { Slot } from './slots.ts'
import { skipStrings, type Strings } from './strings.ts'

/** A position after the end of any text. A small integer like all positions, which engines store without boxing it. */
export const NEVER = 0x3fff_ffff

/**
 * The value of `partFrom` once there is enough output. Every position is past it, so the main loop makes only one
 * comparison.
 */
export const ENOUGH = 0

/** Verdicts on values, by the position of their separator. */
export type Verdicts = ReadonlyMap<number, Verdict>

/**
 * The state of one pass over one string. Rules read it, hide spans from left to right, and return the position to
 * continue at.
 */
export interface TextScan {
  readonly text: string
  /** Where the text ends; a mark of an earlier cut may follow. */
  readonly end: number
  readonly names: NameBook
  readonly phrases: NameBook
  /** The output for the text up to `done`. */
  out: string
  done: number
  /** The length of output that is enough: anything after it will be cut off. */
  readonly enough: number
  /**
   * The last run of name characters, the character before it, and the start of the run before that when one space
   * separates the two (-1 otherwise).
   */
  runFrom: number
  runTo: number
  before: number
  previousFrom: number
  /**
   * True while only quotes, brackets and spaces have followed the last run: it then names the value after a separator.
   */
  named: boolean
  /** The position of the next digit or capital, and where the search for it began; cached for all callers. */
  strongAt: number
  strongFrom: number
  /** The position up to which URLs have been searched for an `@`, for each level of percent-encoding. */
  readonly noAtUntil: number[]
  /** The same for the part of a URL after a character that ends most URLs. */
  noOddAtUntil: number
  /** The position of the next unencoded `@`, cached for all callers before it. */
  nextAt: number
  /** The position after the last `@` that was examined. */
  atEnd: number
  /** The number of open braces, and what is known of the object that each opened. */
  depth: number
  readonly slots: (Slot | undefined)[]
  /** The number of values in the wanted part of the output that a label may still describe. */
  awaited: number
  /** Verdicts on values whose label follows them: those of the pass before (`known`) and of this one (`found`). */
  readonly known: Verdicts | undefined
  found: Map<number, Verdict> | undefined
  /**
   * The string state of the current object, the position up to which it was read, and the states of the objects around
   * it.
   */
  strings: Strings
  stringsAt: number
  readonly outer: Strings[]
  /** The sequence of groups of four that may be parts of an IBAN. Most texts have none. */
  chain: GroupChain | undefined
  /** The position up to which names and values alternate in a list. */
  pairsUntil: number
  /** The credentials after an option such as `AUTH` in the list of arguments that was read last. */
  signIn: SignIn | undefined
  /** The positions up to which lists were read once, twice, and so on. */
  readonly listsUntil: number[]
  /** Where the value of a secret part of a multipart body begins; {@link ENOUGH} once the pass may end. */
  partFrom: number
  /** The last search for a blank line: where it began, and the end of the line that it found. */
  blankFrom: number
  blankEnd: number
  /** The last search for the end of a line: where it began, what it found, and the level of percent-encoding. */
  lineFrom: number
  lineEnd: number
  lineLevel: number
  /** After this position, no CDATA section ends. */
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

/** Replaces a span by a mark, except for what is hidden already. Returns the end of the span. */
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
 * True when the span holds a digit or a capital. The cost is amortised over the text, because the position found is
 * kept, together with where the search for it began.
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

/** Ends the current name, which does not name what follows, and returns `at`. */
export function closeName(scan: TextScan, at: number): number {
  scan.named = false
  return at
}
