import type { Stamp } from '../../base/stamp.ts'
import { parseBounded } from './depth.ts'

/** A message's stamp, and the text of its payload without it. */
export interface StampText {
  readonly stamp: Stamp
  readonly text: string
}

const NOTHING: Stamp = {}
const KEY = '"_msc"'

/**
 * Takes the stamp out of a payload's JSON. The rest stays the text that it is: a payload may be nested more deeply than this
 * process could write it again, as a row may.
 *
 * @param text JSON as `JSON.stringify` writes it, without spaces.
 */
export function unstampedText(text: string): StampText {
  // Most payloads of strangers have none, and need no walk.
  if (!text.startsWith('{') || !text.includes(KEY)) return { stamp: NOTHING, text }
  let at = 1
  while (at < text.length && text[at] !== '}') {
    const valueAt = endOfString(text, at) + 1
    const end = endOfValue(text, valueAt)
    if (text.startsWith(KEY, at) && valueAt === at + KEY.length + 1) {
      const before = text.slice(0, at)
      const after = text.slice(end)
      // One comma goes with it: the one behind it, or else the one in front.
      const rest = after.startsWith(',') ? before + after.slice(1) : before.replace(/,$/, '') + after
      return { stamp: stampOf(text.slice(valueAt, end)), text: rest }
    }
    at = end + 1
  }
  return { stamp: NOTHING, text }
}

function stampOf(text: string): Stamp {
  try {
    const stamp = parseBounded(text)
    return typeof stamp === 'object' && stamp !== null ? stamp : NOTHING
  } catch {
    return NOTHING
  }
}

/** The place behind the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** The place behind the value that begins at `start`: that of the comma or the bracket that follows. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  let at = start
  while (at < text.length) {
    const character = text[at]
    if (character === '"') {
      at = endOfString(text, at)
      continue
    }
    if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') {
      if (depth === 0) return at
      depth -= 1
    } else if (character === ',' && depth === 0) return at
    at += 1
  }
  return at
}
