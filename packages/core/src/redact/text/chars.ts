// Classes of characters for the scanner. They are in a table, because one is looked up for every character of every
// string. Tables of redaction are made within a pure expression each: whoever uses nothing of them does not carry them.

const OTHER = 0
/** Letters and digits, and the characters that join them in names and tokens: `.`, `-`, `_`, `$`. */
export const RUN = 1
export const SPACE = 2
export const NEWLINE = 3
/** May come between a name and its separator: `"name":`, `name]=`. */
export const CLOSER = 4
/** `=` and `:`. */
export const SEPARATOR = 5
export const AT = 6
export const PERCENT = 7
export const LESS = 8
/** Only the main scan tells this one, and the next three, from other punctuation. */
export const OPENING_BRACKET = 9
export const BRACE = 10
export const AMPERSAND = 11
export const PLUS = 12
/** `/` and `,`, which join a name to its value in a path or a list. */
export const JOINER = 13

const CLASSES = /* @__PURE__ */ (() => {
  const classes = new Uint8Array(128)
  for (const [kind, characters] of [
    [RUN, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_$'],
    [SPACE, ' \t'],
    [NEWLINE, '\n\r\v\f'],
    [CLOSER, '"\'`\\])'],
    [SEPARATOR, '=:'],
    [AT, '@'],
    [PERCENT, '%'],
    [LESS, '<'],
    [OPENING_BRACKET, '['],
    [BRACE, '{}'],
    [AMPERSAND, '&'],
    [PLUS, '+'],
    [JOINER, '/,'],
  ] as const) {
    for (const character of characters) classes[character.charCodeAt(0)] = kind
  }
  return classes
})()

export function classOf(code: number): number {
  if (code < 128) return CLASSES[code] as number
  if (code < 0xc0) return code === 0xa0 ? SPACE : OTHER
  // General punctuation, and the spaces and punctuation of East Asian scripts, end a word; everything else counts as a
  // letter.
  if (code >= 0x2000 && code <= 0x206f) return code === 0x2028 || code === 0x2029 ? NEWLINE : OTHER
  return code >= 0x3000 && code <= 0x303f ? OTHER : RUN
}

export function isSpace(code: number): boolean {
  return classOf(code) === SPACE
}

export function isNewline(code: number): boolean {
  return classOf(code) === NEWLINE
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

export function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code >= 0xc0
}

/** True for an ASCII letter or digit. Most of every text is these, and none of them ends anything. */
export function isPlain(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57)
}

export function isQuote(code: number): boolean {
  return code === 34 || code === 39 || code === 96
}

/** Compares a span with `word`, ignoring case and without copying it. `word` may hold lower-case ASCII letters only. */
export function isWord(text: string, from: number, to: number, word: string): boolean {
  if (to - from !== word.length) return false
  for (let i = 0; i < word.length; i++) {
    if ((text.charCodeAt(from + i) | 32) !== word.charCodeAt(i)) return false
  }
  return true
}

const HEX = /* @__PURE__ */ (() => {
  const values = new Int8Array(128).fill(-1)
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16)
    values[digit.charCodeAt(0)] = value
    values[digit.toUpperCase().charCodeAt(0)] = value
  }
  return values
})()

function hexValue(code: number): number {
  return code < 128 ? (HEX[code] as number) : -1
}

const DEEPEST_ESCAPE = 4

/**
 * Reads the percent-encoded ASCII character at `at`, however many times it was encoded: `%3D`, `%253D`.
 *
 * @returns 0 when there is none; else its code, its width and the number of times it was encoded: see {@link
 * escapedCode}, {@link escapedWidth} and {@link escapedLevel}. They are packed into a number, because this runs in hot
 * loops.
 */
export function readEscape(text: string, at: number): number {
  let next = at + 1
  if (hexValue(text.charCodeAt(next)) < 0) return 0
  let level = 1
  while (level < DEEPEST_ESCAPE && text.charCodeAt(next) === 50 && text.charCodeAt(next + 1) === 53) {
    if (hexValue(text.charCodeAt(next + 2)) < 0 || hexValue(text.charCodeAt(next + 3)) < 0) break
    next += 2
    level++
  }
  const high = hexValue(text.charCodeAt(next))
  const low = hexValue(text.charCodeAt(next + 1))
  if (high < 0 || low < 0 || high > 7) return 0
  return ((next + 2 - at) << 16) | (level << 8) | (high * 16 + low)
}

/** Returns the width of an encoded byte of a character beyond ASCII, such as `%C3` or `%25C3`; 0 when there is none. */
export function highEscapeWidth(text: string, at: number): number {
  let next = at + 1
  while (next - at < 2 * DEEPEST_ESCAPE && text.charCodeAt(next) === 50 && text.charCodeAt(next + 1) === 53) next += 2
  return hexValue(text.charCodeAt(next)) >= 8 && hexValue(text.charCodeAt(next + 1)) >= 0 ? next + 2 - at : 0
}

export function escapedCode(packed: number): number {
  return packed & 255
}

export function escapedLevel(packed: number): number {
  return (packed >> 8) & 255
}

export function escapedWidth(packed: number): number {
  return packed >> 16
}

/**
 * Returns the character at `at` as it reads after `level` decodings, packed like an escape. A raw character has level 0
 * and width 1; one that is still encoded after `level` decodings is content and reads as `%`.
 */
export function readCharacter(text: string, at: number, level: number): number {
  const code = text.charCodeAt(at)
  if (code !== 37 || level === 0) return RAW | (code < 128 ? code : 127)
  const escape = readEscape(text, at)
  return escape !== 0 && escapedLevel(escape) <= level ? escape : RAW | 37
}

/** 2¹⁶, above the bits of a width. As a literal: bundlers keep an operation that nobody uses. */
const RAW = 65_536
