// Flags of command lines, in a text and in a list of arguments.
import { judgeSlice, type NameBook } from './name-book.ts'
import { HARMLESS, SECRET, type Verdict } from './names.ts'
import { isWord } from '../text/chars.ts'
import { textOf } from '../text-of.ts'

const DASH = 45
/** `--pin`. */
const SHORTEST_FLAG = 5

/** Whether the argument behind the flag `text.slice(from, to)` is secret. */
export function judgeFlag(names: NameBook, text: string, from: number, to: number): Verdict {
  const named = to - from >= SHORTEST_FLAG && text.charCodeAt(from) === DASH && text.charCodeAt(from + 1) === DASH
  return named && judgeSlice(names, text, from + 2, to) !== HARMLESS ? SECRET : HARMLESS
}

/**
 * What parts the two halves of the argument behind `-u`, `--user`, `--proxy-user` and `-b`, of which only both together
 * are secret; 0 for another flag.
 */
export function pairSeparator(text: string, from: number, to: number): number {
  if (to - from === 2) {
    const letter = text.charCodeAt(from + 1)
    return (letter | 32) === 117 ? 58 : letter === 98 ? 61 : 0
  }
  if (text.charCodeAt(from + 1) !== DASH) return 0
  return isWord(text, from + 2, to, 'user') || isProxyUser(text, from + 2, to) ? 58 : 0
}

/** In small letters, as curl has it. */
function isProxyUser(text: string, from: number, to: number): boolean {
  return to - from === 10 && text.startsWith('proxy-user', from)
}

/** The verdict on the item of a list that follows `previous`, as `argv` and the arguments of `spawn` have them. */
export function judgeArgument(names: NameBook, previous: unknown, item: unknown): Verdict {
  if (typeof previous !== 'string' || previous.charCodeAt(0) !== DASH || !FLAG.test(previous)) return HARMLESS
  const argument = textOf(item) ?? ''
  if (argument.charCodeAt(0) === DASH && FLAG.test(argument)) return HARMLESS
  const separator = pairSeparator(previous, 0, previous.length)
  if (separator > 0) return argument.includes(String.fromCharCode(separator)) ? SECRET : HARMLESS
  return judgeFlag(names, previous, 0, previous.length)
}

/** `-v` and `--verbose`; a password may begin with a dash. */
const FLAG = /^-(?:[a-z]|-[a-z][\w.-]{0,60})$/i
