import { HARMLESS, type Verdict } from './names.ts'

/** Judges names that stand inside text, and remembers what it was asked lately. */
export interface NameBook {
  readonly judge: (name: string) => Verdict
  /** Names shorter than this are harmless. */
  readonly shortest: number
  readonly names: string[]
  readonly verdicts: Verdict[]
}

/** Two names have room where one would do: two that take turns in a text are not judged each time. */
const SLOTS = 512
const WAYS = 2
const LONGEST = 64

export function createNameBook(judge: (name: string) => Verdict, shortest: number): NameBook {
  return {
    judge,
    shortest,
    names: Array.from({ length: SLOTS * WAYS }, () => ''),
    verdicts: Array.from({ length: SLOTS * WAYS }, () => HARMLESS),
  }
}

/**
 * The verdict on `text.slice(from, to)`. Each name has one slot and the last two asked keep it, so names from outside
 * can neither fill memory nor make the book search; a name that is known costs no copy of the text.
 */
export function judgeSlice(book: NameBook, text: string, from: number, to: number): Verdict {
  const start = to - from > LONGEST ? to - LONGEST : from
  const length = to - start
  if (length < book.shortest) return HARMLESS
  const middle = text.charCodeAt(start + (length >> 1))
  const slot = (length * 31 + text.charCodeAt(start) * 7 + text.charCodeAt(to - 1) * 131 + middle * 17) & (SLOTS - 1)
  const { names, verdicts } = book
  const newer = slot * WAYS
  const known = names[newer] as string
  if (known.length === length && isSame(text, start, known)) return verdicts[newer] as Verdict
  const older = newer + 1
  const other = names[older] as string
  if (other.length === length && isSame(text, start, other)) return verdicts[older] as Verdict
  const name = text.slice(start, to)
  const verdict = book.judge(name)
  names[older] = known
  verdicts[older] = verdicts[newer] as Verdict
  names[newer] = name
  verdicts[newer] = verdict
  return verdict
}

/** By hand, which for names is faster than `startsWith`. */
function isSame(text: string, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (text.charCodeAt(from + i) !== name.charCodeAt(i)) return false
  return true
}
