import { UnavailableError } from '@msc/core'
import type { Outgoing, Rooms } from '../rooms/rooms.ts'

/** A message to a room, as whoever follows the room is shown it. */
export interface FollowedMessage {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** `presence_diff` where it says who came and went. */
  readonly event: string
  /** Of the payload. */
  readonly bytes: number
  /** The payload's JSON, its first 4 KiB; absent for bytes. It is users' data: redact it where it is shown. */
  readonly text?: string
  readonly isCut: boolean
  /** Messages before this one that were not shown, since there were too many. */
  readonly dropped: number
}

export interface Followers {
  /**
   * Calls with what is sent to a room from now on, at most 50 messages in a second.
   *
   * @returns What ends it. @throws UnavailableError `REALTIME_FOLLOWERS_FULL` when 50 are followed already.
   */
  follow(topic: string, isPrivate: boolean, handler: (message: FollowedMessage) => unknown): () => void
  close(): void
}

const MAX_FOLLOWERS = 50
const PER_SECOND = 50
const MAX_TEXT_BYTES = 4096

interface Follower {
  readonly handler: (message: FollowedMessage) => unknown
  /** What is handed on in the next turn of the event loop; no more than is let through in a second. */
  waiting: FollowedMessage[]
  second: number
  taken: number
  dropped: number
}

export function createFollowers(rooms: Rooms): Followers {
  const { clock, report } = rooms.runtime
  const byRoom = new Map<string, Set<Follower>>()
  let count = 0

  const call = (follower: Follower, message: FollowedMessage): void => {
    const failed = (error: unknown): void => report(error, 'follow a room')
    try {
      const result = follower.handler(message)
      if (result instanceof Promise) result.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
  /** Later: a handler that publishes to the room that it follows must not call itself. */
  const handOn = (follower: Follower, all: ReadonlySet<Follower>): void => {
    setImmediate(() => {
      const messages = follower.waiting
      follower.waiting = []
      for (const message of messages) if (all.has(follower)) call(follower, message)
    })
  }
  const hear = (all: ReadonlySet<Follower>, { said }: Outgoing): void => {
    if (!said || said.payload === '') return
    const second = Math.floor(clock.monotonic() / 1000)
    let shown: Omit<FollowedMessage, 'dropped'> | undefined
    for (const follower of all) {
      if (follower.second !== second) {
        follower.second = second
        follower.taken = 0
      }
      if (follower.taken >= PER_SECOND || follower.waiting.length >= PER_SECOND) {
        follower.dropped += 1
        continue
      }
      follower.taken += 1
      shown ??= show(said, clock.now())
      follower.waiting.push({ ...shown, dropped: follower.dropped })
      follower.dropped = 0
      if (follower.waiting.length === 1) handOn(follower, all)
    }
  }

  return {
    follow(topic, isPrivate, handler) {
      if (count >= MAX_FOLLOWERS) {
        throw new UnavailableError('[msc/realtime] Too many rooms are followed.', {
          code: 'REALTIME_FOLLOWERS_FULL',
          hint: 'Call what `follow` returned for one of the others.',
        })
      }
      const key = rooms.keyOf(topic, isPrivate)
      const all = byRoom.get(key) ?? new Set<Follower>()
      const follower: Follower = { handler, waiting: [], second: -1, taken: 0, dropped: 0 }
      all.add(follower)
      count += 1
      byRoom.set(key, all)
      rooms.followed.set(key, (outgoing) => hear(all, outgoing))
      return () => {
        if (!all.delete(follower)) return
        count -= 1
        if (all.size > 0 || byRoom.get(key) !== all) return
        byRoom.delete(key)
        rooms.followed.delete(key)
      }
    },
    close() {
      for (const all of byRoom.values()) all.clear()
      byRoom.clear()
      rooms.followed.clear()
      count = MAX_FOLLOWERS
    },
  }
}

function show({ event, payload }: NonNullable<Outgoing['said']>, at: number): Omit<FollowedMessage, 'dropped'> {
  if (typeof payload !== 'string') return { at, event, bytes: payload.byteLength, isCut: false }
  const bytes = Buffer.byteLength(payload)
  if (bytes <= MAX_TEXT_BYTES) return { at, event, bytes, text: payload, isCut: false }
  // No more of it is encoded than is shown, and a character that is cut in half is left out.
  const start = Buffer.from(payload.slice(0, MAX_TEXT_BYTES)).subarray(0, MAX_TEXT_BYTES)
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(start, { stream: true })
  return { at, event, bytes, text, isCut: true }
}
