import { emit, type CancelTimer } from '@msc/core'
import { push } from '../rooms/membership.ts'
import type { Membership, Rooms } from '../rooms/rooms.ts'

/** Milliseconds between two times that everybody is told: each time, all of them come back. */
const APART_MS = 5000
/** Milliseconds that a room gets to follow again, before it is told what it could not take. */
const BUSY_MS = 1000
/** Members that are told in one turn of the event loop, of those who do not follow a history. */
const AT_ONCE = 200

/** Tells this server's members that they may have missed something. */
export interface Gaps {
  /** How often members were told. */
  readonly told: number
  /** Something may be missing in any room. */
  everywhere(): void
  /** The same, before this returns: what follows would be taken for news of what is missing. */
  atOnce(): void
  /** Something is missing in one room. Until its members are told, those who follow the history hear nothing of it. */
  inRoom(topic: string, isPrivate: boolean): void
  close(): void
}

/**
 * A member is told by the protocol's own `phx_error`, which no other member can send: clients join the topic again, and ours say
 * `onGap`.
 *
 * @param isKept Whether what is missed in a topic can't have come over the bus.
 * @param onTell Called before everybody is told that something may be missing in any room.
 */
export function createGaps(rooms: Rooms, isKept: (topic: string) => boolean, onTell?: () => void): Gaps {
  const { clock, attempt } = rooms.runtime
  let told = 0
  let isClosed = false
  let nextAt = -Infinity
  let cancel: CancelTimer | undefined
  const busy = rooms.gapsDue
  const tell = (members: readonly Membership[], count = AT_ONCE, from = 0): void => {
    for (const member of members.slice(from, from + count)) {
      // It may have left, or joined again, meanwhile.
      if (rooms.members(member.topic, member.private).has(member)) {
        attempt('tell of a gap', () => push(member, 'phx_error', {}))
      }
    }
    if (from + count < members.length) setImmediate(() => tell(members, count, from + count))
  }
  const tellInTurns = (members: readonly Membership[], count = AT_ONCE): void => {
    // Who follows a history at once: what is handed on between two turns would be taken for news of what is missing.
    tell(
      members.filter(({ followsHistory }) => followsHistory),
      Infinity,
    )
    tell(
      members.filter(({ followsHistory }) => !followsHistory),
      count,
    )
  }
  const take = (room: string): void => {
    busy.get(room)?.()
    busy.delete(room)
  }
  const tellAll = (count = AT_ONCE): void => {
    cancel?.()
    cancel = undefined
    nextAt = clock.monotonic() + APART_MS
    told += 1
    attempt('tell of a gap', () => onTell?.())
    emit('realtime.missed', {})
    const members = [...rooms.everyone()].filter(({ topic }) => !isKept(topic))
    // A room that would be told by itself is told by this.
    if (busy.size > 0) for (const { topic, private: isPrivate } of members) take(rooms.keyOf(topic, isPrivate))
    tellInTurns(members, count)
  }
  return {
    get told() {
      return told
    },
    everywhere() {
      // Those that are seen meanwhile are told with the one that waits.
      cancel ??= clock.setTimeout(
        () => attempt('tell of a gap', () => tellAll()),
        Math.max(0, nextAt - clock.monotonic()),
      )
    },
    atOnce: () => tellAll(Infinity),
    inRoom(topic, isPrivate) {
      const key = rooms.keyOf(topic, isPrivate)
      // Whatever else finds no room until then is told by the same.
      if (isClosed || busy.has(key)) return
      told += 1
      emit('realtime.missed', { topic })
      const tellRoom = (): void => {
        busy.delete(key)
        tellInTurns([...rooms.members(topic, isPrivate)])
      }
      busy.set(
        key,
        clock.setTimeout(() => attempt('tell of a gap', tellRoom), BUSY_MS),
      )
    },
    close() {
      isClosed = true
      cancel?.()
      for (const cancelRoom of busy.values()) cancelRoom()
      busy.clear()
    },
  }
}
