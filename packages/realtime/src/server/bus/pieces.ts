/** Characters of one piece: sealed, they are four times as many at most. */
const PIECE_LENGTH = 256 * 1024
/** Pieces of one answer. */
const MAX_PIECES = 64
/** Characters of what is sent in pieces. */
export const MAX_PIECED_LENGTH: number = PIECE_LENGTH * MAX_PIECES

/** Cuts a text, between two characters. */
export function cut(text: string): readonly string[] {
  const pieces: string[] = []
  for (let at = 0; at < text.length;) {
    const last = text.codePointAt(at + PIECE_LENGTH - 1) ?? 0
    // Half of a character can't be sent.
    const end = at + PIECE_LENGTH - (last > 0xffff ? 1 : 0)
    pieces.push(text.slice(at, end))
    at = end
  }
  return pieces
}

/** Puts a text together again. */
export class Pieces {
  #pieces: string[] = []
  /** @returns The text, with its last piece; `undefined` as long as there is more, or for what does not follow. */
  add({ nth, of, piece }: Readonly<Record<string, unknown>>): string | undefined {
    if (typeof piece !== 'string' || piece.length > PIECE_LENGTH) return undefined
    if (typeof nth !== 'number' || nth !== this.#pieces.length || nth >= MAX_PIECES) return undefined
    this.#pieces.push(piece)
    return this.#pieces.length === of ? this.#pieces.join('') : undefined
  }
}
