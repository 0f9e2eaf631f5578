// Flags of command lines, in text and in lists of arguments.
import { judgeSlice, type NameBook } from './name-book.ts'
import { HARMLESS, SECRET, type Verdict } from './names.ts'
import { isWord } from '../text/chars.ts'
import { textOf } from '../text-of.ts'

const DASH = 45
/** The length of `--pin`. */
const SHORTEST_FLAG = 5

/** Judges the argument after the flag `text.slice(from, to)`. */
export function judgeFlag(names: NameBook, text: string, from: number, to: number): Verdict {
  const named = to - from >= SHORTEST_FLAG && text.charCodeAt(from) === DASH && text.charCodeAt(from + 1) === DASH
  return named && judgeSlice(names, text, from + 2, to) !== HARMLESS ? SECRET : HARMLESS
}

/**
 * Returns the separator between the two halves of the argument of `-u`, `--user`, `--proxy-user` and `-b`, which is
 * secret only when both halves are there; 0 for any other flag.
 */
export function pairSeparator(text: string, from: number, to: number): number {
  if (to - from === 2) {
    const letter = text.charCodeAt(from + 1)
    return (letter | 32) === 117 ? 58 : letter === 98 ? 61 : 0
  }
  if (text.charCodeAt(from + 1) !== DASH) return 0
  return isWord(text, from + 2, to, 'user') || isProxyUser(text, from + 2, to) ? 58 : 0
}

/** Compares case-sensitively, as curl does. */
function isProxyUser(text: string, from: number, to: number): boolean {
  return to - from === 10 && text.startsWith('proxy-user', from)
}

/** Judges the item after `previous` in a list of arguments, such as `argv` or those of `spawn`. */
export function judgeArgument(names: NameBook, previous: unknown, item: unknown): Verdict {
  if (typeof previous !== 'string' || previous.charCodeAt(0) !== DASH || !FLAG.test(previous)) return HARMLESS
  const argument = textOf(item) ?? ''
  if (argument.charCodeAt(0) === DASH && FLAG.test(argument)) return HARMLESS
  const separator = pairSeparator(previous, 0, previous.length)
  if (separator > 0) return argument.includes(String.fromCharCode(separator)) ? SECRET : HARMLESS
  return judgeFlag(names, previous, 0, previous.length)
}

/** Matches `-v` and `--verbose`, but not every password that begins with a dash. */
const FLAG = /^-(?:[a-z]|-[a-z][\w.-]{0,60})$/i
