import { REDACTED } from '../../marks.ts'
import { isDigit, isLetter } from '../chars.ts'
import { SHAPES, type Shape } from './shapes.ts'
import { hide, holdsDigitOrCapital, type TextScan } from '../state.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Tokens are long: shorter runs are not examined. */
export const SHORTEST_TOKEN = 12

/** AWS access keys, and the keys and accounts of Twilio: a prefix, an alphabet and a length. */
const EXACT: readonly { readonly prefix: string; readonly length: number; readonly alphabet: RegExp }[] =
  /* @__PURE__ */ (() => [
    ...['AKIA', 'ASIA'].map((prefix) => ({ prefix, length: 20, alphabet: /^[A-Z2-7\d]+$/ })),
    ...['SK', 'AC'].map((prefix) => ({ prefix, length: 34, alphabet: /^[A-Z]{2}[a-f\d]+$/ })),
  ])()
/** The rest of such a token at the end of a cut text: the prefix, then letters and digits that alternate. */
const EXACT_REST = /^(?:A[KS]IA[A-Z2-7]{4,}\d[A-Z2-7]*|(?:SK|AC)(?=\d*[a-f]+\d)[a-f\d]{10,})$/

const LONGEST_EXACT = 34

/** Shapes by a hash of their first three characters, since they are looked up at every joint of every long run. */
const BY_START: readonly (readonly Shape[] | undefined)[] = /* @__PURE__ */ (() => {
  const byStart: (Shape[] | undefined)[] = Array.from({ length: 1024 }, () => undefined)
  for (const shape of SHAPES) (byStart[startOf(shape.prefix, 0)] ??= []).push(shape)
  return byStart
})()
const FIRST = /* @__PURE__ */ (() => {
  const first = new Uint8Array(128)
  for (const { prefix } of SHAPES) first[prefix.charCodeAt(0)] = 1
  return first
})()

/** Hashes the three characters at `at`. Prefixes that share a hash are told apart later. */
function startOf(text: string, at: number): number {
  return (text.charCodeAt(at) * 37 + text.charCodeAt(at + 1) * 11 + text.charCodeAt(at + 2)) & 1023
}

/**
 * Hides a token that is recognised by its prefix, at the start of the run or after one of its joints.
 *
 * @returns The position to continue at, or -1 when the run holds none.
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
    // Joints are `.`, `-` and `_`.
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
  // The answer is kept for all tokens that may begin before it.
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
 * True when a piece of sixteen letters may follow a prefix. It begins after the longest prefix at the latest, so it has
 * to cover the characters from there to where the earliest such piece ends.
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
const LONGEST_PREFIX = /* @__PURE__ */ (() => Math.max(...SHAPES.map(({ prefix }) => prefix.length)))()

function hasBody(scan: TextScan, shape: Shape, from: number, to: number): boolean {
  const { body, minLength } = shape
  if (!holdsDigitOrCapital(scan, from, to)) {
    if (body === 'solid')
      return from + minLength <= to && pieceEnd(scan.text, from, from + minLength) === from + minLength
    return body === 'any' && isOneWord(scan.text, from, to)
  }
  // A token that a cut of the text shortened is judged as if it were whole.
  const isCut = to === scan.text.length
  switch (body) {
    case 'any':
      return isCut || to - from >= minLength
    case 'piece':
      return hasPiece(scan, from, to, minLength, isCut)
    default:
      return hasFirst(scan, readPiece(scan.text, from, to), shape, to, isCut)
  }
}

/** The characters between two joints. */
interface Piece {
  readonly from: number
  readonly to: number
  /**
   * The number of changes between letters and digits, or between lower case and capitals; a capital before a small
   * letter begins a word and is no change.
   */
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

/** Returns 1 for a digit, 2 for a small letter, 3 for a capital, 0 for a joint. */
function pieceKind(code: number): number {
  if (isDigit(code)) return 1
  if (code >= 65 && code <= 90) return 3
  return code === 46 || code === 45 || code === 95 || code === 36 ? 0 : 2
}

/** A shorter rest of a token can't be told from a word with a number. */
const SHORTEST_REST = 8

/** True when letters and digits alternate: `9f86d081`, not `remaster2011`. */
function isRandom({ from, to, turns }: Piece, minLength: number): boolean {
  return to - from >= minLength && turns >= 2 && turns * 5 >= to - from
}

/** Like {@link isRandom}, for the rest of a token after its prefix. */
function isMixed({ from, to, turns, digit }: Piece): boolean {
  const length = to - from
  return length >= SHORTEST_REST && (turns >= 2 || (digit && length >= 2 * SHORTEST_REST))
}

/** The most pieces that are read after a prefix; `sk-or-v1-…` has three. */
const MAX_PIECES = 4

function hasPiece({ text }: TextScan, from: number, to: number, minLength: number, isCut: boolean): boolean {
  let at = from
  // The number is bounded, because another prefix may follow each piece: `sk-sk-sk-`.
  for (let count = 0; count < MAX_PIECES && at < to; count++) {
    const piece = readPiece(text, at, to)
    if (piece.to - piece.from >= minLength && (piece.digit || piece.capital)) return true
    if (isCut && piece.to === to && isMixed(piece)) return true
    at = piece.to + 1
  }
  return false
}

function hasFirst({ text }: TextScan, first: Piece, { body, minLength }: Shape, to: number, isCut: boolean): boolean {
  const length = first.to - first.from
  const ends = isCut && first.to === to
  switch (body) {
    case 'solid':
      return length >= minLength || (ends && isMixed(first))
    case 'head':
      return (first.digit || first.capital) && (length >= minLength || ends)
    case 'hash':
      return first.digit && !first.capital && (length >= minLength || (ends && isMixed(first)))
    case 'resend':
      return ends
        ? isMixed(first)
        : length === 8 && text.charCodeAt(first.to) === 95 && hasSecond(text, first, minLength, to, isCut)
    case 'sendgrid':
      return isSendGrid(text, first.from, to, minLength, isCut)
    default:
      return isRandom(first, minLength) || (length >= 2 * minLength && first.digit) || (ends && isMixed(first))
  }
}

function hasSecond(text: string, first: Piece, minLength: number, to: number, isCut: boolean): boolean {
  const second = readPiece(text, first.to + 1, to)
  const length = second.to - second.from
  if (length >= minLength) return true
  if (!isCut || second.to !== to) return false
  // Few random pieces have no such change, and no word is this long; `re_version2_mix2` is the name of a file.
  const bothTurn = length >= SHORTEST_REST && first.turns > 0 && second.turns > 0
  return bothTurn || length > LONGEST_WORD || first.turns + second.turns >= 3
}

function isSendGrid(text: string, from: number, to: number, minLength: number, isCut: boolean): boolean {
  const limit = Math.min(to, from + minLength + 1)
  let end = from
  while (end < limit && text.charCodeAt(end) !== 46) end++
  if (end - from === minLength) return true
  if (!isCut || end !== to || end - from > minLength) return false
  // As one piece, it is longer than any word.
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

/** True for letters without a joint that are longer than any word of a language, or of a name in code. */
function isOneWord(text: string, from: number, to: number): boolean {
  if (to - from <= LONGEST_WORD) return false
  for (let i = from; i <= from + LONGEST_WORD; i++) if (!isLetter(text.charCodeAt(i))) return false
  return true
}

/** Returns the end of the token, which goes beyond its run by the characters that base64 adds. */
export function tokenEnd(scan: TextScan, to: number): number {
  const { text } = scan
  let end = to
  while (end < scan.end && isTokenCode(text.charCodeAt(end))) end++
  // A trailing dot ends the sentence.
  while (end > to && scan.text.charCodeAt(end - 1) === 46) end--
  return end
}

const TOKEN_CODES = /* @__PURE__ */ (() => {
  const codes = new Uint8Array(128)
  for (const character of `${ALPHABET}+/=~-._`) codes[character.charCodeAt(0)] = 1
  return codes
})()

function isTokenCode(code: number): boolean {
  return code < 128 && TOKEN_CODES[code] === 1
}
