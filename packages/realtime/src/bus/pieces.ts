import { randomHex } from '@msc/core'

/** Bytes of one piece, below the 8 000 that a notification may have. */
const PIECE_BYTES = 7500
/** More than a server ever sends at once; a text of more pieces is none of ours. */
const MAX_PIECES = 2000

/** Most bytes of a text that can be sent. */
export const MAX_TEXT_BYTES: number = PIECE_BYTES * MAX_PIECES

/** Cuts texts into numbered pieces. */
export function createCutter(): (text: string) => string[] {
  const id = randomHex(8)
  let number = 0
  return (text) => {
    const slices = slicesOf(text)
    number += 1
    return slices.map((slice, index) => `${id}.${number}.${index}.${slices.length}:${slice}`)
  }
}

/** Puts texts together again. */
export interface Joiner {
  /** The text that this piece completes, if it does. */
  take(piece: string): string | undefined
  /** Forgets what is incomplete. */
  reset(): void
}

/**
 * The pieces of one text come one after another, as one transaction sends them: a piece of another text means that the rest
 * of the one before will never come.
 */
export function createJoiner(): Joiner {
  let of = ''
  let parts: string[] = []
  return {
    take(piece) {
      const [head = '', id, number, index, count] =
        /^([0-9a-f]{1,32})\.(\d{1,16})\.(\d{1,4})\.(\d{1,4}):/.exec(piece) ?? []
      const total = Number(count)
      if (head === '' || !(total >= 1 && total <= MAX_PIECES)) return undefined
      const name = `${id}.${number}.${count}`
      if (index === '0') {
        of = name
        parts = []
      }
      if (name !== of || Number(index) !== parts.length) {
        of = ''
        return undefined
      }
      parts.push(piece.slice(head.length))
      if (parts.length < total) return undefined
      const text = parts.join('')
      of = ''
      parts = []
      return text
    },
    reset() {
      of = ''
      parts = []
    },
  }
}

/** By bytes, and never within a character. */
function slicesOf(text: string): string[] {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= PIECE_BYTES) return [text]
  // A slice may begin with what would be taken for a mark of the encoding, and left out.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const slices: string[] = []
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + PIECE_BYTES, bytes.length)
    // A byte that continues a character begins no slice.
    while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1
    slices.push(decoder.decode(bytes.subarray(start, end)))
    start = end
  }
  return slices
}
