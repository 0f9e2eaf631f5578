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
 * @param text Valid JSON, as this process or a database writes it.
 */
export function unstampedText(text: string): StampText {
  // Most payloads of strangers have none, and need no walk.
  if (!text.includes(KEY)) return { stamp: NOTHING, text }
  let at = skipSpace(text, 0)
  if (text[at] !== '{') return { stamp: NOTHING, text }
  at = skipSpace(text, at + 1)
  while (text[at] === '"') {
    const keyEnd = endOfString(text, at)
    const valueAt = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = endOfValue(text, valueAt)
    if (text.slice(at, keyEnd) === KEY) {
      const before = text.slice(0, at)
      const after = text.slice(end)
      // One comma goes with it: the one behind it, or else the one in front.
      const rest = after.startsWith(',') ? before + after.slice(1) : before.replace(/,\s*$/, '') + after
      return { stamp: stampOf(text.slice(valueAt, end)), text: rest }
    }
    at = skipSpace(text, end + 1)
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

function skipSpace(text: string, start: number): number {
  let at = start
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\t' || text[at] === '\r') at += 1
  return at
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
