import { createHash } from 'node:crypto'
import { isCursor } from '../../feed/position.ts'

/** Between the topics in an id. */
const BETWEEN = '~'
/** In place of the position of a topic whose latest messages are still to come. */
const BEGINS = '-'
/** In place of one that has no room. */
const LOST = '!'
/** Before the index of the topic whose snapshot this one has as well. */
const SAME = '='
/** Before what says of which topics it is. */
const TAG = '@'
/** An id comes back in a header field: Node takes 16 KiB of all of them, and proxies less. */
const MAX_LENGTH = 4096

/** `undefined`: the topic's latest messages are still to come. `lost`: it has to go on from now, and be told so. */
export type Place = string | undefined | { readonly lost: true }

/** The snapshot of a position, and what was heard beside it. */
function split(position: string): readonly [snapshot: string, rest: string] {
  const end = position.search(/[+>]/)
  return end < 0 ? [position, ''] : [position.slice(0, end), position.slice(end)]
}

interface Named {
  readonly topic: string
  readonly private: boolean
}

/** In the order in which ids have them, whatever the order in which they are asked for. */
export const inOrder = <T extends Named>(topics: readonly T[]): readonly T[] =>
  topics.toSorted((a, b) => (a.topic < b.topic ? -1 : Number(a.topic > b.topic)))

/** Of which topics an id is: that of others says nothing of these. */
export function tagOf(topics: readonly Named[]): string {
  const names = inOrder(topics).map(({ topic, private: isPrivate }) => [topic, isPrivate])
  return TAG + createHash('sha256').update(JSON.stringify(names)).digest('base64url').slice(0, 8)
}

/**
 * The id that says how far a stream has come in each of its topics. A snapshot that several have, as those of one database
 * mostly do, is in it once. What does not fit is lost when the stream comes back: a stream that can't come back loses all.
 */
export function writeId(places: readonly (string | undefined)[], tag: string): string {
  const spelled = new Map<string, number>()
  let left = MAX_LENGTH - tag.length - 1
  const parts = places.map((position, index) => {
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
  return [tag, ...parts].join(BETWEEN)
}

/**
 * What an id says of so many topics; `undefined` for what is none of these. One in which each snapshot is spelled is one too, and so
 * is the position of a single topic.
 */
export function readId(id: string, count: number, tag: string): readonly Place[] | undefined {
  const [first = '', ...rest] = id.split(BETWEEN)
  const parts = first === tag ? rest : count === 1 && !first.startsWith(TAG) ? [first, ...rest] : []
  if (parts.length !== count) return undefined
  const places: Place[] = []
  for (const part of parts) {
    if (part === BEGINS) places.push(undefined)
    else if (part === LOST) places.push({ lost: true })
    else {
      const [, index, beside = ''] = /^=(\d{1,3})([+>].*)?$/.exec(part) ?? []
      const other = index === undefined ? '' : places[Number(index)]
      const position = index === undefined ? part : typeof other === 'string' ? split(other)[0] + beside : ''
      if (!isCursor(position)) return undefined
      places.push(position)
    }
  }
  return places
}
