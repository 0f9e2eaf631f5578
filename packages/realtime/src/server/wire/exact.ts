import { isRecord, randomHex } from '@msc/core'
import type { Frame } from '../../phoenix/frames.ts'
import { isHeld } from './decimal.ts'

/** JSON's strings and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs
/** What may have more digits, or a larger exponent, than a JavaScript number keeps. */
const MAYBE = /[\d.]{16}|\d[eE]/

/** Nobody can guess it, so that no text of a client's is taken for a number. */
let secret: string | undefined
const mark = (): string => (secret ??= `msc ${randomHex(16)} `)

/**
 * JSON in which each number that JavaScript would round is a text instead, for {@link restoreNumbers}: what clients in other languages
 * write reaches the others with all its digits. `undefined` where there is none, as nearly always.
 *
 * @param text Valid JSON.
 */
export function markNumbers(text: string): string | undefined {
  if (!MAYBE.test(text)) return undefined
  let isMarked = false
  const marked = text.replace(TOKENS, (token) => {
    if (token.startsWith('"') || isHeld(token)) return token
    isMarked = true
    return `"${mark()}${token}"`
  })
  return isMarked ? marked : undefined
}

/** A frame of a client. */
export interface SentFrame extends Frame {
  /** Its payload with its numbers marked, where that has any that JavaScript would round. */
  readonly marked?: unknown
}

/** What a frame says under a name, as it is to be written: with its numbers marked. */
export const toWrite = ({ marked }: SentFrame, name: string, said: unknown): unknown =>
  isRecord(marked) ? marked[name] : said

/** The JSON of a value, in which the numbers that were marked are as they were written. */
export function restoreNumbers(text: string): string {
  if (secret === undefined || !text.includes(secret)) return text
  return text.replaceAll(new RegExp(`"${secret}([^"]*)"`, 'g'), '$1')
}
