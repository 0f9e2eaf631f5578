import { emit, type CancelTimer } from '@msc/core'
import { push } from '../rooms/membership.ts'
import type { Membership, Rooms } from '../rooms/rooms.ts'

/** Milliseconds between two times that everybody is told: each time, all of them come back. */
const APART_MS = 5000
/** Milliseconds that a room gets to follow again, before it is told what it could not take. */
const BUSY_MS = 1000
/** Members that are told in one turn of the event loop. */
const AT_ONCE = 200

/** A room that will be told, or is being told. */
interface Busy {
  cancel: CancelTimer
  isTelling: boolean
  /** More is missing since the first of its members were told. */
  isAgain: boolean
}

/** Tells this server's members that they may have missed something. */
export interface Gaps {
  /** How often members were told. */
  readonly told: number
  /** Something may be missing in any room. */
  everywhere(): void
  /** The same, before this returns: what follows would be taken for news of what is missing. */
  atOnce(): void
  /** Something is missing in one room. */
  inRoom(topic: string, isPrivate: boolean): void
  /**
   * Whether the members of a room still have to hear of that. Those who follow the history may be told nothing of it meanwhile: they
   * would take it for news of everything before it.
   */
  isDue(topic: string, isPrivate: boolean): boolean
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
  const busy = new Map<string, Busy>()
  const tell = (members: readonly Membership[], onTold = (): void => {}, count = AT_ONCE, from = 0): void => {
    for (const member of members.slice(from, from + count)) {
      // It may have left, or joined again, meanwhile.
      if (rooms.members(member.topic, member.private).has(member)) {
        attempt('tell of a gap', () => push(member, 'phx_error', {}))
      }
    }
    if (from + count < members.length) setImmediate(() => tell(members, onTold, count, from + count))
    else onTold()
  }
  const tellAll = (count = AT_ONCE): void => {
    cancel?.()
    cancel = undefined
    nextAt = clock.monotonic() + APART_MS
    told += 1
    attempt('tell of a gap', () => onTell?.())
    emit('realtime.missed', {})
    const all = [...rooms.everyone()].filter(({ topic }) => !isKept(topic))
    // Who follows a history at once: what is handed on between two turns would be taken for news of what is missing.
    tell(
      all.filter(({ followsHistory }) => followsHistory),
      undefined,
      Infinity,
    )
    tell(
      all.filter(({ followsHistory }) => !followsHistory),
      undefined,
      count,
    )
  }
  const tellLater = (key: string, topic: string, isPrivate: boolean): void => {
    if (isClosed) return
    told += 1
    emit('realtime.missed', { topic })
    const onTold = (): void => {
      // It was closed meanwhile.
      if (busy.get(key) !== room) return
      busy.delete(key)
      if (room.isAgain) tellLater(key, topic, isPrivate)
    }
    const tellRoom = (): void => {
      room.isTelling = true
      tell([...rooms.members(topic, isPrivate)], onTold)
    }
    const cancel = clock.setTimeout(() => attempt('tell of a gap', tellRoom), BUSY_MS)
    const room: Busy = { cancel, isTelling: false, isAgain: false }
    busy.set(key, room)
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
      const room = busy.get(key)
      // Whatever else finds no room until then is told by the same.
      if (room) room.isAgain ||= room.isTelling
      else tellLater(key, topic, isPrivate)
    },
    isDue: (topic, isPrivate) => busy.size > 0 && busy.has(rooms.keyOf(topic, isPrivate)),
    close() {
      isClosed = true
      cancel?.()
      for (const room of busy.values()) room.cancel()
      busy.clear()
    },
  }
}
