import { RUN, classOf, escapedCode, escapedWidth, isSpace, readCharacter } from '../chars.ts'
import type { TextScan } from '../state.ts'

/** Returns where a value begins: after `=>`, `:=`, `==` and spaces. */
export function skipToValue(scan: TextScan, at: number, level: number): number {
  let from = at
  // Most values follow right away.
  if (classOf(scan.text.charCodeAt(from)) === RUN) return from
  for (let i = 0; i < 2 && from < scan.end; i++) {
    const read = readCharacter(scan.text, from, level)
    if (escapedCode(read) !== 61 && escapedCode(read) !== 62) break
    from += escapedWidth(read)
  }
  while (from < scan.end) {
    const read = readCharacter(scan.text, from, level)
    const code = escapedCode(read)
    if (!isSpace(code) && !(level > 0 && code === 43)) break
    from += escapedWidth(read)
  }
  return from
}
