import { isCursor } from '../../feed/position.ts'

/** Between the topics in an id. */
const BETWEEN = '~'
/** In place of the position of a topic whose latest messages are still to come. */
const BEGINS = '-'
/** In place of one that has no room. */
const LOST = '!'
/** Before the index of the topic whose snapshot this one has as well. */
const SAME = '='
/** An id comes back in a header field: Node takes 16 KiB of all of them, and proxies less. */
const MAX_LENGTH = 4096

/** `undefined`: the topic's latest messages are still to come. `lost`: it has to go on from now, and be told so. */
export type Place = string | undefined | { readonly lost: true }

/** The snapshot of a position, and what was heard beside it. */
function split(position: string): readonly [snapshot: string, rest: string] {
  const end = position.search(/[+>]/)
  return end < 0 ? [position, ''] : [position.slice(0, end), position.slice(end)]
}

/**
 * The id that says how far a stream has come in each of its topics. A snapshot that several have, as those of one database
 * mostly do, is in it once. What does not fit is lost when the stream comes back: a stream that can't come back loses all.
 */
export function writeId(places: readonly (string | undefined)[]): string {
  const spelled = new Map<string, number>()
  let left = MAX_LENGTH
  return places
    .map((position, index) => {
      // The topics behind it need room for a mark.
      const room = left - 2 * (places.length - index - 1)
      let part = position ?? BEGINS
      if (position !== undefined) {
        const [snapshot, rest] = split(position)
        const same = spelled.get(snapshot)
        if (same !== undefined) part = `${SAME}${same}${rest}`
        if (part.length > room) part = LOST
        else if (same === undefined) spelled.set(snapshot, index)
      }
      left -= part.length + 1
      return part
    })
    .join(BETWEEN)
}

/** What an id says of so many topics; `undefined` for what is none. One in which each snapshot is spelled is one too. */
export function readId(id: string, count: number): readonly Place[] | undefined {
  const parts = id.split(BETWEEN)
  if (parts.length !== count) return undefined
  const places: Place[] = []
  for (const part of parts) {
    if (part === BEGINS) places.push(undefined)
    else if (part === LOST) places.push({ lost: true })
    else {
      const [, index, rest = ''] = /^=(\d{1,3})([+>].*)?$/.exec(part) ?? []
      const other = index === undefined ? '' : places[Number(index)]
      const position = index === undefined ? part : typeof other === 'string' ? split(other)[0] + rest : ''
      if (!isCursor(position)) return undefined
      places.push(position)
    }
  }
  return places
}
