import { HARMLESS, type Verdict } from './names.ts'

/** Judges names inside text, with a cache of recent verdicts. */
export interface NameBook {
  readonly judge: (name: string) => Verdict
  /** Names shorter than this are harmless. */
  readonly shortest: number
  readonly names: string[]
  readonly verdicts: Verdict[]
}

/** Each slot has room for two names, so that two that collide and alternate in a text are not judged each time. */
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
 * Returns the verdict on `text.slice(from, to)`. Each name has one slot, which keeps its last two names, so names from
 * outside can neither fill memory nor slow a lookup down; a hit copies no text.
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

/** Compares by hand, which is faster than `startsWith` for short names. */
function isSame(text: string, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (text.charCodeAt(from + i) !== name.charCodeAt(i)) return false
  return true
}
