import { REDACTED } from '../../marks.ts'
import { isDigit, isLetter } from '../chars.ts'
import { SHAPES, type Shape } from './shapes.ts'
import { hide, holdsDigitOrCapital, type TextScan } from '../state.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Tokens are long: what is shorter is not even looked at. */
export const SHORTEST_TOKEN = 12

/** AWS access keys, Twilio's keys and accounts: a prefix, an alphabet and a length. */
const EXACT: readonly { readonly prefix: string; readonly length: number; readonly alphabet: RegExp }[] = [
  ...['AKIA', 'ASIA'].map((prefix) => ({ prefix, length: 20, alphabet: /^[A-Z2-7\d]+$/ })),
  ...['SK', 'AC'].map((prefix) => ({ prefix, length: 34, alphabet: /^[A-Z]{2}[a-f\d]+$/ })),
]
/** What is left of one at the end of a cut text: the prefix, and letters and digits that take turns. */
const EXACT_REST = /^(?:A[KS]IA[A-Z2-7]{4,}\d[A-Z2-7]*|(?:SK|AC)(?=\d*[a-f]+\d)[a-f\d]{10,})$/

const LONGEST_EXACT = 34

/** Shapes by their first three characters, in a table of lists: asked for at every joint of every long run. */
const BY_START: (Shape[] | undefined)[] = Array.from({ length: 1024 }, () => undefined)
const FIRST = new Uint8Array(128)
for (const shape of SHAPES) {
  const start = startOf(shape.prefix, 0)
  const shapes = BY_START[start]
  if (shapes) shapes.push(shape)
  else BY_START[start] = [shape]
  FIRST[shape.prefix.charCodeAt(0)] = 1
}

/** Where the shapes of such a beginning are, with those of a few others. */
function startOf(text: string, at: number): number {
  return (text.charCodeAt(at) * 37 + text.charCodeAt(at + 1) * 11 + text.charCodeAt(at + 2)) & 1023
}

/**
 * Hides a token that says by its beginning what it is, at the start of the run or after one of its joints.
 *
 * @returns Where to go on, or -1 when the run holds none.
 */
export function hideOpaque(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  if (isExact(text, from, to)) return hide(scan, from, to, REDACTED)
  if (to === text.length && to - from < LONGEST_EXACT && EXACT_REST.test(text.slice(from, to))) {
    return hide(scan, from, to, REDACTED)
  }
  let joint = true
  const lastStart = to - SHORTEST_TOKEN
  for (let i = from; i <= lastStart; i++) {
    const code = text.charCodeAt(i)
    if (joint && code < 128 && FIRST[code] === 1 && isToken(scan, i, to)) {
      return hide(scan, i, tokenEnd(scan, to), REDACTED)
    }
    // `.`, `-` and `_`
    joint = code === 46 || code === 45 || code === 95
  }
  return -1
}

function isExact(text: string, from: number, to: number): boolean {
  if (to - from !== 20 && to - from !== 34) return false
  for (const { prefix, length, alphabet } of EXACT) {
    if (to - from === length && text.startsWith(prefix, from)) return alphabet.test(text.slice(from, to))
  }
  return false
}

function isToken(scan: TextScan, from: number, to: number): boolean {
  const shapes = BY_START[startOf(scan.text, from)]
  if (!shapes) return false
  const { text } = scan
  // Asked for once for all that begin before it.
  const plain = !holdsDigitOrCapital(scan, from, to)
  if (plain && !mayHoldLongWord(scan, from, to)) return false
  for (const shape of shapes) {
    const { prefix } = shape
    if (text.charCodeAt(from) !== prefix.charCodeAt(0) || !text.startsWith(prefix, from)) continue
    if (hasBody(scan, shape, from + prefix.length, to)) return true
  }
  return false
}

/**
 * May there be a piece of sixteen letters behind a prefix? It begins behind the longest one at the latest, and so has to
 * cover the characters where the earliest one that could do ends.
 */
function mayHoldLongWord({ text }: TextScan, from: number, to: number): boolean {
  const last = from + SHORTEST_PREFIX + LONGEST_WORD
  if (last >= to) return false
  for (let i = from + LONGEST_PREFIX; i <= last; i++) {
    const code = text.charCodeAt(i)
    if (code === 46 || code === 45 || code === 95) return false
  }
  return true
}

const SHORTEST_PREFIX = 3
const LONGEST_PREFIX = Math.max(...SHAPES.map(({ prefix }) => prefix.length))

function hasBody(scan: TextScan, shape: Shape, from: number, to: number): boolean {
  const { body, least } = shape
  if (!holdsDigitOrCapital(scan, from, to)) {
    if (body === 'solid') return from + least <= to && pieceEnd(scan.text, from, from + least) === from + least
    return body === 'any' && isOneWord(scan.text, from, to)
  }
  // A token that the cut of the text shortened is judged as if it were whole.
  const isCut = to === scan.text.length
  switch (body) {
    case 'any':
      return isCut || to - from >= least
    case 'piece':
      return hasPiece(scan, from, to, least, isCut)
    default:
      return hasFirst(scan, readPiece(scan.text, from, to), shape, to, isCut)
  }
}

/** What stands between two joints. */
interface Piece {
  readonly from: number
  readonly to: number
  /** How often letters and digits, or small letters and capitals, take turns; a capital begins its word. */
  readonly turns: number
  readonly digit: boolean
  readonly capital: boolean
}

function readPiece(text: string, from: number, end: number): Piece {
  let turns = 0
  let digit = false
  let capital = false
  let before = 0
  let to = from
  for (; to < end; to++) {
    const kind = pieceKind(text.charCodeAt(to))
    if (kind === 0) break
    if (kind === 1) digit = true
    if (kind === 3) capital = true
    if (before !== 0 && kind !== before && !(before === 3 && kind === 2)) turns++
    before = kind
  }
  return { from, to, turns, digit, capital }
}

/** 1 for a digit, 2 for a small letter, 3 for a capital, 0 for a joint. */
function pieceKind(code: number): number {
  if (isDigit(code)) return 1
  if (code >= 65 && code <= 90) return 3
  return code === 46 || code === 45 || code === 95 || code === 36 ? 0 : 2
}

/** Less of a token than that is no more than a word with a number. */
const SHORTEST_REST = 8

/** `9f86d081`, not `remaster2011`: letters and digits take turns. */
function isRandom({ from, to, turns }: Piece, least: number): boolean {
  return to - from >= least && turns >= 2 && turns * 5 >= to - from
}

/** The same for what is left of a token behind its prefix. */
function isMixed({ from, to, turns, digit }: Piece): boolean {
  const length = to - from
  return length >= SHORTEST_REST && (turns >= 2 || (digit && length >= 2 * SHORTEST_REST))
}

/** `sk-or-v1-…` has three. */
const MOST_PIECES = 4

function hasPiece({ text }: TextScan, from: number, to: number, least: number, isCut: boolean): boolean {
  let at = from
  // No more than a few, since another prefix may follow each: `sk-sk-sk-`.
  for (let count = 0; count < MOST_PIECES && at < to; count++) {
    const piece = readPiece(text, at, to)
    if (piece.to - piece.from >= least && (piece.digit || piece.capital)) return true
    if (isCut && piece.to === to && isMixed(piece)) return true
    at = piece.to + 1
  }
  return false
}

function hasFirst({ text }: TextScan, first: Piece, { body, least }: Shape, to: number, isCut: boolean): boolean {
  const length = first.to - first.from
  const ends = isCut && first.to === to
  switch (body) {
    case 'solid':
      return length >= least || (ends && isMixed(first))
    case 'head':
      return (first.digit || first.capital) && (length >= least || ends)
    case 'hash':
      return first.digit && !first.capital && (length >= least || (ends && isMixed(first)))
    case 'resend':
      return ends
        ? isMixed(first)
        : length === 8 && text.charCodeAt(first.to) === 95 && hasSecond(text, first, least, to, isCut)
    case 'sendgrid':
      return isSendGrid(text, first.from, to, least, isCut)
    default:
      return isRandom(first, least) || (length >= 2 * least && first.digit) || (ends && isMixed(first))
  }
}

function hasSecond(text: string, first: Piece, least: number, to: number, isCut: boolean): boolean {
  const second = readPiece(text, first.to + 1, to)
  const length = second.to - second.from
  if (length >= least) return true
  if (!isCut || second.to !== to) return false
  // Few random pieces have no turn, and no word is so long; `re_version2_mix2` is somebody's file.
  const bothTurn = length >= SHORTEST_REST && first.turns > 0 && second.turns > 0
  return bothTurn || length > LONGEST_WORD || first.turns + second.turns >= 3
}

function isSendGrid(text: string, from: number, to: number, least: number, isCut: boolean): boolean {
  const limit = Math.min(to, from + least + 1)
  let end = from
  while (end < limit && text.charCodeAt(end) !== 46) end++
  if (end - from === least) return true
  if (!isCut || end !== to || end - from > least) return false
  // In one piece, it is longer than any word.
  if (pieceEnd(text, from, end) - from > LONGEST_WORD) return true
  let turns = 0
  for (let at = from; at < end; at++) {
    const piece = readPiece(text, at, end)
    turns += piece.turns
    at = piece.to
  }
  return turns >= 3
}

function pieceEnd(text: string, from: number, limit: number): number {
  let to = from
  while (to < limit && pieceKind(text.charCodeAt(to)) !== 0) to++
  return to
}

const LONGEST_WORD = 15

/** No word of a language is so long, and no name of somebody's code goes on for so long without a joint. */
function isOneWord(text: string, from: number, to: number): boolean {
  if (to - from <= LONGEST_WORD) return false
  for (let i = from; i <= from + LONGEST_WORD; i++) if (!isLetter(text.charCodeAt(i))) return false
  return true
}

/** The run, and what base64 adds to its alphabet. */
export function tokenEnd(scan: TextScan, to: number): number {
  const { text } = scan
  let end = to
  while (end < scan.end && isTokenCode(text.charCodeAt(end))) end++
  // The end of a sentence is not part of it.
  while (end > to && scan.text.charCodeAt(end - 1) === 46) end--
  return end
}

const TOKEN_CODES = new Uint8Array(128)
for (const character of `${ALPHABET}+/=~-._`) TOKEN_CODES[character.charCodeAt(0)] = 1

function isTokenCode(code: number): boolean {
  return code < 128 && TOKEN_CODES[code] === 1
}
