import type { RoomMembers } from '../rooms/room-members.ts'

/** Where a room stands in the list: the largest first, and those of one size by name. */
export interface Standing {
  readonly members: number
  /** As `Rooms.keyOf` writes it. */
  readonly key: string
}

export interface Found extends Standing {
  readonly room: RoomMembers
}

/** Keeps the largest of many rooms, of which it holds no more than it was asked for. */
export interface Largest {
  readonly found: readonly Found[]
  add(candidate: Found): void
}

export const isBefore = (one: Standing, other: Standing): boolean =>
  one.members === other.members ? one.key < other.key : one.members > other.members

/** @param after Only what stands behind it. */
export function createLargest(most: number, after: Standing | undefined): Largest {
  const found: Found[] = []
  return {
    found,
    add(candidate) {
      if (after && !isBefore(after, candidate)) return
      const last = found.at(-1)
      if (last && found.length >= most && !isBefore(candidate, last)) return
      // A room that was closed and opened again while they are looked through comes twice.
      if (found.some(({ key }) => key === candidate.key)) return
      let [low, high] = [0, found.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (isBefore(found[middle] as Found, candidate)) low = middle + 1
        else high = middle
      }
      found.splice(low, 0, candidate)
      if (found.length > most) found.pop()
    },
  }
}

export const formatStanding = ({ members, key }: Standing): string => `${members} ${key}`

/** `undefined` for what is none: the list then begins at its start. */
export function parseStanding(text: string | undefined): Standing | undefined {
  const [, members, key] = /^(\d{1,9}) (.*)$/s.exec(text ?? '') ?? []
  return members === undefined || key === undefined ? undefined : { members: Number(members), key }
}
