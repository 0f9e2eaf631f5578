import { isRecord, randomHex } from '@msc/core'
import type { Frame } from '../../phoenix/frames.ts'
import { isHeld } from './decimal.ts'

/**
 * What may have more digits, or a larger exponent, than a JavaScript number keeps: with 15 digits and an exponent of two digits it
 * keeps all. A number in JSON that matches does so from its sign to its end.
 */
const CANDIDATE = /-?(?:[\d.]{16,}(?:[eE][+-]?\d+)?|[\d.]+[eE][+-]?\d{3,})/g
const EXPONENT = /(?<=\d)[eE][+-]?\d+/g
const INTEGER = /^-?[1-9]\d*$/

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
  const places: number[] = []
  const tokens: string[] = []
  const isInString = stringsOf(text)
  CANDIDATE.lastIndex = 0
  for (let match = CANDIDATE.exec(text); match; match = CANDIDATE.exec(text)) {
    if (isInString(match.index)) continue
    places.push(match.index)
    tokens.push(match[0])
  }
  if (tokens.length === 0) return undefined
  // All at once: one after the other costs several times what reading the whole text does.
  const written = tokens.join(',')
  const held = JSON.stringify(JSON.parse(`[${written}]`)).slice(1, -1)
  return held === written ? undefined : markedAt(text, places, tokens, held.split(','))
}

/** @param held What JavaScript makes of each token. */
function markedAt(
  text: string,
  places: readonly number[],
  tokens: readonly string[],
  held: readonly string[],
): string | undefined {
  let marked = ''
  let end = 0
  for (const [nth, token] of tokens.entries()) {
    if (isSame(token, held[nth] ?? '')) continue
    const place = places[nth] ?? 0
    marked += `${text.slice(end, place)}"${mark()}${token}"`
    end = place + token.length
  }
  return end === 0 ? undefined : marked + text.slice(end)
}

/** Whether these say the same number: at once for what most programs write. */
function isSame(token: string, held: string): boolean {
  if (token === held) return true
  return !(INTEGER.test(token) && INTEGER.test(held)) && isHeld(token)
}

/** Tells whether a place in JSON is inside a string, for places that are asked for in their order. */
function stringsOf(text: string): (index: number) => boolean {
  /** The next string, or the one that was found last. */
  let start = -1
  let end = 0
  return (index) => {
    while (end <= index) {
      start = text.indexOf('"', end)
      if (start === -1) end = Number.POSITIVE_INFINITY
      else end = endOfString(text, start)
    }
    return start !== -1 && index > start
  }
}

/** How many digits the numbers of JSON have by their exponents alone, for who writes them out. */
export function digitsOfExponents(text: string): number {
  const isInString = stringsOf(text)
  let digits = 0
  for (const { 0: exponent, index } of text.matchAll(EXPONENT)) {
    if (!isInString(index)) digits += Math.abs(Number(exponent.slice(1)))
  }
  return digits
}

/** Behind the closing quote of the string that begins there. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    if (at === -1) return text.length
    let escapes = 0
    while (text[at - 1 - escapes] === '\\') escapes += 1
    if (escapes % 2 === 0) return at + 1
  }
}

/** A frame of a client. */
export interface SentFrame extends Frame {
  /** Its payload with its numbers marked, where that has any that JavaScript would round. */
  readonly marked?: unknown
}

/** What a frame says under a name, as it is to be written: with its numbers marked. What it does not say is as it was taken to be. */
export const toWrite = ({ marked }: SentFrame, name: string, said: unknown): unknown =>
  isRecord(marked) && Object.hasOwn(marked, name) ? marked[name] : said

/** The JSON of a value, in which the numbers that were marked are as they were written. */
export function restoreNumbers(text: string): string {
  if (secret === undefined || !text.includes(secret)) return text
  return text.replaceAll(new RegExp(`"${secret}([^"]*)"`, 'g'), '$1')
}
