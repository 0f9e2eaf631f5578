// Line breaks as systems write them, and as JSON escapes them.
import { isNewline } from './chars.ts'

/** `\n` or `\r` as two characters, in text that was made for JSON. */
export function startsNewline(text: string, at: number): boolean {
  if (text.charCodeAt(at) !== 92) return false
  const next = text.charCodeAt(at + 1)
  return (next === 110 || next === 114) && text.charCodeAt(at - 1) !== 92
}

/** The width of the line break at `at`: `\n`, `\r\n` or `\r`, escaped or not; 0 when there is none. */
export function breakWidth(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (isNewline(code)) return code === 13 && text.charCodeAt(at + 1) === 10 ? 2 : 1
  if (code !== 92 || !startsNewline(text, at)) return 0
  const whole = text.charCodeAt(at + 1) === 114 && text.charCodeAt(at + 2) === 92 && text.charCodeAt(at + 3) === 110
  return whole ? 4 : 2
}

/** Where the line begins in which `at` stands. */
export function lineStart(text: string, at: number): number {
  let from = at
  while (from > 0 && !isNewline(text.charCodeAt(from - 1))) {
    if (from > 1 && startsNewline(text, from - 2)) break
    from--
  }
  return from
}

/** Where the line ends. With its breaks escaped it stands in a string, and ends with that at the latest. */
export function lineEnd(text: string, from: number, end: number, escaped: boolean): number {
  let to = from
  while (to < end && breakWidth(text, to) === 0) {
    if (escaped && text.charCodeAt(to) === 34 && text.charCodeAt(to - 1) !== 92) break
    to++
  }
  return to
}
